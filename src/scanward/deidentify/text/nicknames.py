"""Short and pet forms of given names, as families and colleagues use them. Written for this project."""

from functools import cache

_TABLE = """
# English
abigail: abby abbie gail
abraham: abe bram
albert: al bert bertie
alexander: alex alec sandy lex xander sasha
alexandra: alex sandra lexi sandy sasha
alfred: alf alfie fred freddie
alison: ali allie
amanda: mandy
andrew: andy drew
angela: angie
anne: annie nan nancy
anna: annie anni anja
anthony: tony
antonia: toni
archibald: archie
arthur: art artie
barbara: barb babs barbie
bartholomew: bart
benjamin: ben benny benji
bernard: bernie
bradley: brad
catherine: cathy kate katie cat kitty
katherine: kathy kate katie kat kitty
kathryn: kathy kate katie
kathleen: kathy kate
charles: charlie chuck chas chip
charlotte: charlie lottie
christian: chris
christina: chris chrissy tina
christine: chris chrissy
christopher: chris kit topher
clifford: cliff
constance: connie
cynthia: cindy
daniel: dan danny
david: dave davey
deborah: deb debbie debby
debra: deb debbie
dennis: denny
dominic: dom
donald: don donnie donny
dorothy: dot dottie dolly
douglas: doug
edward: ed eddie ted teddy ned
edwin: ed eddie
eleanor: ellie nell nora
elizabeth: liz lizzie beth betty betsy eliza libby lisa ellie
emily: em emmy
emma: em emmy
ernest: ernie
eugene: gene
evelyn: evie
florence: flo flossie
frances: fran frannie
francis: frank fran
franklin: frank
frederick: fred freddie rick
gabriel: gabe
gabrielle: gabby
geoffrey: geoff
george: georgie
gerald: gerry jerry
gerard: gerry
gertrude: trudy gertie
gilbert: gil
gordon: gord
gregory: greg gregg
harold: harry hal
harriet: hattie
helen: nell nellie
henry: harry hank hal
herbert: herb bert
hubert: bert
irene: rene
isaac: ike
isabella: bella izzy
isabel: bella izzy
jacob: jake
jacqueline: jackie
james: jim jimmy jamie jem
jane: janie jenny
janet: jan
jason: jay
jeffrey: jeff
jeffery: jeff
jennifer: jen jenny jenn
jeremiah: jerry
jeremy: jerry jez
jessica: jess jessie
joan: joanie
joanna: jo
joanne: jo
john: jack johnny jon
jonathan: jon jonny
joseph: joe joey
josephine: jo josie
joshua: josh
judith: judy judi
julia: jules
julian: jules
katrina: kat trina
kenneth: ken kenny
kimberly: kim kimmy
kristin: kris
kristina: kris tina
kristen: kris
laura: laurie
laurence: larry laurie
lawrence: larry lars laurie
leonard: len lenny leo
leroy: roy
leslie: les
lewis: lew lou
lillian: lily lil
louis: lou louie
louise: lou
lucille: lucy
madeleine: maddie
madeline: maddie
madison: maddie
margaret: maggie meg peggy peg marge margie greta daisy rita
marjorie: marge margie
martha: marty patty
martin: marty
mary: molly polly mamie
matthew: matt matty
matilda: tilly
megan: meg
melissa: mel missy lissa
melanie: mel
melvin: mel
michael: mike mick mickey mikey mitch
michelle: shelly
mildred: millie
mitchell: mitch
mohammed: mo
muhammad: mo
nancy: nan
natalie: nat
natasha: tasha
nathan: nate nat
nathaniel: nate nat
nicholas: nick nicky nico
nicole: nicky nikki
oliver: ollie
olivia: liv livvy
oscar: ozzie
pamela: pam
patricia: pat patty trish tricia patsy
patrick: pat paddy rick
paul: paulie
penelope: penny
peter: pete
philip: phil pip
phillip: phil pip
phyllis: phyl
priscilla: cilla
prudence: prue
rachel: rach
ralph: ralphie
randall: randy
randolph: randy
raymond: ray
rebecca: becky becca
regina: gina
reginald: reg reggie
richard: dick rick ricky rich richie
robert: bob bobby rob robbie bert
roberta: bobbie
roderick: rod
rodney: rod
roger: rodge
roland: rollie
ronald: ron ronnie
rosemary: rose rosie
russell: russ
samantha: sam
samuel: sam sammy
sandra: sandy
sarah: sally sadie
sebastian: seb bastian
sharon: shaz
sidney: sid
solomon: sol
sophia: sophie
stanley: stan
stephanie: steph steffi
stephen: steve stevie
steven: steve stevie
stuart: stu
susan: sue susie suzy
suzanne: sue suzy
sylvester: sly
teresa: terry tess tessa
terence: terry
theresa: terry tess tessa
theodore: ted teddy theo
thomas: tom tommy
timothy: tim timmy
tobias: toby tobi
valerie: val
vanessa: nessa
veronica: ronnie vero
victor: vic
victoria: vicky vicki tori
vincent: vince vinny
virginia: ginny ginger
walter: walt wally
wilfred: wilf
wilhelmina: minnie willa
william: bill billy will willy liam
winifred: winnie
yvonne: vonnie
zachary: zach zack
# Spanish
adelaida: ade
agustin: tin agus
alberto: beto berto
alejandra: ale sandra jandra
alejandro: alex ale jandro
alfonso: fonso poncho
alfredo: fredo
ana: anita
andres: andy
antonio: toni tono antonito
armando: mando
beatriz: bea betty
carlos: carlitos charly
carmen: carmela menchu carmina mamen
carolina: caro
catalina: cata lina
cayetana: tana
concepcion: concha conchi conchita
consuelo: chelo consu
cristina: cris tina
cristobal: tobal
daniela: dani
diego: dieguito
dolores: lola loli
eduardo: edu lalo
encarnacion: encarni encarna
enrique: quique kike
ernesto: neto
esperanza: espe
esteban: estebi
eugenia: genia
federico: fede
felipe: pipe feli
fernanda: fer nanda
fernando: fer nando
francisca: paca paqui fran
francisco: paco pancho curro fran kiko quico
gabriela: gabi
gerardo: gera
gonzalo: gonza
graciela: chela
gregorio: goyo
guadalupe: lupe lupita
guillermo: guille memo
gustavo: gus tavo
ignacio: nacho
inmaculada: inma
isabel: isa chabela
jaime: jimmy
javier: javi xavi
jesus: chus chuy suso
jesusa: chusa
joaquin: quino ximo
jorge: jorgito coque
jose: pepe chepe pepito josito
josefa: pepa pepi fefa
josefina: fina pepa
juan: juanito juancho
julio: julito
laura: lauri
leonardo: leo nardo
lorenzo: loren
lourdes: lurdes lulu
luis: lucho luisito
luisa: lulu
manuel: manolo manu lolo
manuela: manoli manola
marcelo: chelo
margarita: marga rita
maria: mari mary marita
mariano: nano
mario: mayito
mercedes: merche meche
miguel: migue miguelito
montserrat: montse
natividad: nati
nicolas: nico
pablo: pablito
patricia: patri
pedro: perico pedrito
pilar: pili
rafael: rafa
ramon: moncho mon
raquel: raqui
ricardo: ricky richi
roberto: beto rober
rodrigo: rodri
rosario: charo
salvador: salva chava
santiago: santi yago chago
sebastian: sebas
sergio: sergi checo
silvia: silvi
soledad: sole
susana: susi
teresa: tere maite
tomas: tomi
trinidad: trini
valentina: vale
vicente: chente
victor: vitin
victoria: vicky
yolanda: yoli
# German
adelheid: heidi
alexander: alex sascha xandi
alois: lois loisl
andreas: andi andy anderl
angelika: geli
anneliese: anne liesl
anton: toni
barbara: bärbel babsi
bernhard: bernd berni hardy
benedikt: bene
brigitte: gitti biggi gitte
charlotte: lotte
christian: chris christl
christine: christl tine
christoph: chris stoffel
dietrich: dieter
dominik: domi
dorothea: dora thea doro
eberhard: ebi
elfriede: elfi friedl
elisabeth: lisa elli elsbeth liesl sissi lisl bettina
ernst: ernstl
eva: evi
ferdinand: ferdi ferdl
florian: flo flori
franz: franzl
franziska: franzi
friedrich: fritz friedl fredi
gabriele: gabi
georg: schorsch jörg girgl
gerhard: gerd gerdi hardy
gertrud: trude trudi gerti
gottfried: götz friedl
günther: günni
hannelore: hanne lore
hans: hansi hannes
heinrich: heinz heini heiner
helmut: helmi
hermann: hermi männe
hildegard: hilde
ingeborg: inge
irmgard: irmi
jakob: jockel
jan: jannik
joachim: achim jochen
johann: hans hansi
johanna: hanna hanne
johannes: hannes hans jo
josef: sepp seppl jupp pepi beppo
joseph: sepp seppl jupp pepi
julia: jule
jürgen: jogi
karl: karli kalle
karl-heinz: kalle
katharina: kathi käthe kati katrin
klaus: klausi
konrad: konni
leonhard: hardl leo
leopold: poldi
ludwig: lutz wiggerl luggi
magdalena: leni magda lena
manfred: manni fred mane
margarethe: gretel grete gretl
margarete: gretel grete
maria: mitzi mizzi mia
markus: max
martina: tina
matthias: matze hias
maximilian: max maxi
michael: michi micha michel
michaela: michi ela
monika: moni
nikolaus: klaus nik niko
norbert: nobbi
oskar: ossi
peter: peterl
philipp: phil lippi
reinhard: hardy reini
reinhold: holdi
renate: reni natti
robert: robbi
roswitha: rosi
rudolf: rudi
rüdiger: rudi
sabine: bine bini
sebastian: basti wastl bastian
siegfried: sigi siggi
siegmund: sigi
sigrid: sigi
stefan: steff steffl
stefanie: steffi
susanne: susi sanne
theresia: resi
theodor: theo
thomas: tommi
tobias: tobi
ulrich: uli ulli
ulrike: uli ulli rike
ursula: uschi ursel ulla
veronika: vroni
walburga: burgl wally
waltraud: traudl
werner: wern
wilhelm: willi willy
wilhelmine: minna
wolfgang: wolf wolfi
# French
alexandre: alex
amelie: mélie
anne-marie: annie
antoine: toine tonio
bernadette: bernie
bertrand: bert
catherine: cathy
charlotte: chacha
christophe: chris tophe
dominique: dom domi
edouard: doudou
elisabeth: babette lise
emmanuel: manu
emmanuelle: manu
eric: rico
etienne: tienou
fabienne: fabi
fabrice: fab
florence: flo
francois: fanfan
françoise: fanfan soizic
frederic: fred
gabriel: gaby
genevieve: ginette gege
georges: jojo
gerard: gégé
gilbert: gil
gregoire: greg
guillaume: guigui
henri: riri
isabelle: isa zabou
jacqueline: jackie line
jacques: jacquot
jean: jeannot
jeanne: jeannette
jerome: jéjé
joseph: jojo zef
josephine: josette fifi
juliette: juju
laurent: lolo
louis: loulou
louise: loulou
madeleine: mado
marguerite: margot
marie: mimi manon
martine: titine
mathieu: mat
maurice: momo
maxime: max
michel: mimi
michele: mimi
monique: momo
nathalie: nath
nicolas: nico
olivier: oliv
pascal: pasco
patrice: pat
patricia: pat
philippe: phil philou
pierre: pierrot
raymond: ray
sebastien: seb
simone: monette
sophie: soso
stephane: steph
stephanie: steph fanny
suzanne: suzette suzon
sylvie: syl
therese: thesou
thierry: titi
valerie: val
veronique: véro
vincent: vince
virginie: gigi
xavier: xav
yves: yvon
# Portuguese
adriana: dri
alexandre: xande alex
amelia: mélia
anabela: bela
antonia: tonha
antonio: toni tonho toninho tó
augusto: guto
beatriz: bia
carlos: carlinhos cacá
carolina: carol
catarina: cata catinha
cristiano: cris
cristina: cris
daniel: dani
eduardo: edu dudu
fatima: fati
felipe: lipe
fernanda: nanda
fernando: nando
filipa: pipa
filipe: lipe
francisca: chica
francisco: chico xico quim
gabriel: biel gabi
gabriela: gabi
guilherme: gui
gustavo: guga
helena: lena leninha
henrique: rique
isabel: bela belinha isa
joana: joaninha
joao: joca jão joãozinho
joaquim: quim quinzinho
jorge: jorginho
jose: zé zeca zezinho
josefa: zefa
leonardo: leo
leonor: nônô
luis: luisinho
luisa: lu
manuel: manel mané
margarida: guida magui
maria: mia mariazinha micas
mariana: mari
matilde: tita
miguel: miguelinho
paulo: paulinho
patricia: pati
pedro: pedrinho
rafael: rafa
ricardo: rico
roberto: beto
rodrigo: digo
rosa: rosinha
sebastiao: tião
teresa: teté teresinha
tiago: ti
vitor: vitinho
# Italian, Polish, Turkish, Swedish, Indian, as met in the hospitals of those who speak the languages above
alessandro: sandro ale alex
antonella: nella
bartolomeo: bortolo meo
domenico: mimmo mico
elisabetta: betta elisa
filippo: pippo
francesca: franca cesca
francesco: franco ciccio cesco
giacomo: mino
giovanni: gianni nanni vanni
giuseppe: beppe peppe pino peppino
giuseppina: pina
lorenzo: renzo
luigi: gigi
margherita: rita ghita
michele: lele
raffaele: lele
salvatore: totò turi
vincenzo: enzo
aleksandra: ola
agnieszka: aga
andrzej: jędrek
barbara: basia
elzbieta: ela
ewa: ewka
grzegorz: grzesiek
jan: janek jasiek
katarzyna: kasia
krzysztof: krzysiek
magdalena: magda
malgorzata: gosia
stanislaw: staszek
tadeusz: tadek
tomasz: tomek
wojciech: wojtek
zbigniew: zbyszek
mehmet: memo
mustafa: mıstık
ibrahim: ibo
anders: ante
johan: jojje
karl: kalle
lars: lasse
gunnar: nunne
margareta: greta maggan
birgitta: gitta gittan
elisabet: lisa bettan
"""


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    from scanward.deidentify.text.folding import fold

    groups: dict[str, dict[str, None]] = {}
    for line in _TABLE.splitlines():
        full, colon, short = line.partition(":")
        if colon:
            found = groups.setdefault(fold(full), {})
            found.update(dict.fromkeys(fold(word) for word in short.split()))
    return {full: tuple(short) for full, short in groups.items()}


@cache
def _full_forms() -> dict[str, tuple[str, ...]]:
    full_forms: dict[str, list[str]] = {}
    for full, short in _groups().items():
        for word in short:
            full_forms.setdefault(word, []).append(full)
    return {word: tuple(full) for word, full in full_forms.items()}


def nicknames(given: str) -> tuple[str, ...]:
    """Return the short and pet forms of the folded given name, and what it is itself a short form of."""
    return _groups().get(given, ()) + _full_forms().get(given, ())


def short_forms() -> dict[str, tuple[str, ...]]:
    """Return the table: the folded given name, and its folded short forms."""
    return _groups()
