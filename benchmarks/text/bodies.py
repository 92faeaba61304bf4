"""Bodies of radiology reports without any identifier, written for this project, in several styles and languages.

In a body ``{left|right}`` is one of these, ``{3..18}`` a whole number and ``{1.2..4.5}`` a number with one decimal, so
that each body gives many texts that differ in sides, sizes and negations.
"""

import re
from collections.abc import Iterator
from random import Random

_SLOT = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+(?:\.\d)?)\.\.(\d+(?:\.\d)?)")


def expand(body: str, rng: Random) -> str:
    """Return `body` with each slot filled."""

    def fill(match: re.Match[str]) -> str:
        numbers = _RANGE.fullmatch(match[1])
        if numbers is None:
            choices: list[str] = match[1].split("|")
            return rng.choice(choices)
        low, high = numbers.groups()
        if "." in low:
            return f"{rng.uniform(float(low), float(high)):.1f}"
        return str(rng.randint(int(low), int(high)))

    while "{" in body:
        # From the inside out: a slot may hold others.
        body = _SLOT.sub(fill, body)
    return body


def bodies(words: int, seed: int = 11) -> Iterator[str]:
    """Yield expanded bodies, each template in turn, until they have `words` words together."""
    rng = Random(seed)
    count = 0
    while count < words:
        for body in BODIES:
            text = expand(body, rng)
            yield text
            count += len(text.split())


BODIES: tuple[str, ...] = (
    # English, structured
    """CT CHEST WITH IV CONTRAST

TECHNIQUE: Helical acquisition from the thoracic inlet through the adrenal glands after {80..120} mL of nonionic
contrast at
{2.0..4.0} mL/s. {Coronal and sagittal reformats|Axial MIPs} were reviewed.

FINDINGS:
Lungs: There is a {3..18} mm {solid|ground-glass|part-solid} nodule in the {right upper|right lower|left upper|left
lower} lobe (series {2..6},
image {20..190}). {No|Minimal} dependent atelectasis. Central airways are patent.
Pleura: {No effusion or pneumothorax.|Trace {left|right} effusion.}
Mediastinum: No enlarged hilar or mediastinal nodes by size criteria; a {6..9} mm precarinal node is unchanged.
Heart: Normal in size. {Mild|Moderate|No} coronary artery calcification. Pericardium is unremarkable.
Upper abdomen: Subcentimeter hypodensity in segment {2..8} too small to characterize, likely a cyst.
Bones: Degenerative change of the thoracic spine without aggressive lesion.

IMPRESSION:
1. {3..18} mm pulmonary nodule. Follow-up CT in {3|6|12} months per Fleischner criteria.
2. No lymphadenopathy.""",
    """CHEST, TWO VIEWS. The cardiomediastinal silhouette is {within normal limits|mildly enlarged|stable}. The lungs
are {clear|hyperinflated} without
focal consolidation. No pleural effusion or pneumothorax is seen. There is {mild|moderate} tortuosity of the thoracic
aorta. Surgical clips project
over the {right|left} upper quadrant. Osseous structures are {intact|demineralized}. IMPRESSION: No acute
cardiopulmonary process.""",
    """PORTABLE CHEST RADIOGRAPH: Endotracheal tube terminates {2.1..5.8} cm above the carina. Enteric tube courses
below the diaphragm, tip not included.
{Right|Left} internal jugular central line with tip at the cavoatrial junction. Low lung volumes with bibasilar
atelectasis, {left|right} greater than
{right|left}. Interval {increase|decrease} in {small|moderate} pleural effusions. No pneumothorax on this supine
film. Heart size is difficult to assess.""",
    """MRI BRAIN WITHOUT AND WITH CONTRAST. Sequences: sagittal T1, axial T2, FLAIR, DWI, SWI, and post-gadolinium T1
in three planes.
There is no restricted diffusion to suggest acute infarct. A few scattered foci of T2/FLAIR hyperintensity in the
periventricular and subcortical white
matter, {nonspecific|likely chronic microvascular ischemic change}. Ventricles and sulci are {age appropriate|mildly
prominent}. No midline shift or
extra-axial collection. Normal flow voids at the skull base. After contrast, {no abnormal enhancement|a {4..22} mm
enhancing lesion in the {left|right} frontal lobe}.
Gray-white differentiation is preserved. Orbits are unremarkable. Mild mucosal thickening of the {left|right}
maxillary sinus.""",
    """MRI LUMBAR SPINE: Alignment is normal with {preserved|straightened} lordosis. Conus terminates at L1. Marrow
signal is {normal|heterogeneous} without edema.
L1-L2: No significant stenosis. L2-L3: Mild disc bulge. L3-L4: Disc desiccation and {2..4} mm broad-based bulge with
{mild|moderate} facet arthropathy;
no canal stenosis. L4-L5: Grade {1|2} anterolisthesis, ligamentum flavum thickening, {moderate|severe} central
stenosis with AP diameter of {6..9} mm.
L5-S1: {Left|Right} paracentral protrusion {abutting|displacing} the traversing S1 root. Paraspinal muscles show
{mild|no} fatty atrophy.""",
    """EXAM: US ABDOMEN COMPLETE. LIVER: {13..18}.{1..9} cm in length, {normal|increased} echogenicity, no focal
mass. Main portal vein is patent with hepatopetal flow.
GALLBLADDER: {No stones.|Several mobile stones up to {5..14} mm.} Wall thickness {1.8..3.9} mm. Sonographic Murphy
sign negative. BILE DUCTS: common
duct {3..6} mm. PANCREAS: obscured by bowel gas. SPLEEN: {9..12}.{0..9} cm. KIDNEYS: right {9..11}.{0..9} cm, left
{9..11}.{0..9} cm, without hydronephrosis; {a|no} simple
cyst in the {right|left} lower pole. AORTA: {1.6..2.4} cm in caliber. No ascites.""",
    """BILATERAL SCREENING MAMMOGRAM WITH TOMOSYNTHESIS. The breasts are {almost entirely fatty|heterogeneously
dense, which may obscure small masses|extremely dense}.
There is a {4..12} mm {oval circumscribed|irregular spiculated} mass in the {upper outer|lower inner} quadrant of the
{left|right} breast at {1..12} o'clock,
{3..9} cm from the nipple. No suspicious grouped calcifications. {Benign|Vascular} calcifications are stable. No
architectural distortion.
ASSESSMENT: BI-RADS {0|2|3|4}. Recommend {diagnostic workup with spot compression|routine screening in one year}.""",
    """CT ABDOMEN AND PELVIS. The liver is {normal|steatotic} with attenuation of {30..62} HU. Gallbladder is
surgically absent. Spleen, pancreas and adrenals are
unremarkable. Symmetric nephrograms; a {2..7} mm nonobstructing stone in the {left|right} renal collecting system. No
hydroureter. The appendix measures
{4..6} mm and is normal. Scattered sigmoid diverticula without inflammatory change. No free air, free fluid, or bowel
obstruction. Bladder is
{well distended|decompressed}. Prostate is enlarged at {4.1..6.2} x {3.2..5.1} x {3.0..5.9} cm. No pelvic sidewall
adenopathy. Fat-containing umbilical hernia.""",
    """CT HEAD WITHOUT CONTRAST, 5 mm and 1.25 mm sections in brain and bone windows. There is no acute intracranial
hemorrhage, mass effect or large territorial
infarct. Old lacune in the {left|right} {caudate head|corona radiata|thalamus}. Basal cisterns are patent. The
calvarium is intact. Mastoid air cells are
clear. {Small|Moderate} {left|right} frontal scalp hematoma without underlying fracture. If there is persistent
concern, MRI may be of help.""",
    """CT PULMONARY ANGIOGRAM: Opacification of the pulmonary arteries is {good|adequate|limited by respiratory
motion}, main artery {220..480} HU. {No filling defect to the
segmental level.|Filling defects in the {right|left} lower lobe segmental arteries.} RV to LV ratio is {0.7..1.4}. No
right heart strain. Wedge-shaped
opacity in the {lingula|right middle lobe} may represent infarct. Reflux of contrast into the hepatic veins is
{absent|mild}.""",
    """MR KNEE {LEFT|RIGHT}. MENISCI: Horizontal tear of the posterior horn of the medial meniscus extending to the
{inferior|superior} surface. Lateral meniscus is intact.
LIGAMENTS: ACL and PCL are continuous. MCL shows grade {1|2} sprain. EXTENSOR MECHANISM: normal; mild proximal
patellar tendinosis. CARTILAGE: {full|partial}
thickness loss over the {medial femoral condyle|patellar apex}, {6..14} x {5..11} mm. Baker cyst measuring {2.0..5.9}
cm. {Small|Moderate} joint effusion.
No fracture. Hoffa fat pad is edematous. BONE: subchondral marrow edema of the tibial plateau.""",
    """SHOULDER MRI: Supraspinatus shows a {4..18} mm {full|partial} thickness tear at the footprint with {minimal|2
cm} retraction. Infraspinatus and teres minor intact.
Subscapularis tendinosis. Long head of the biceps is {located in the groove|medially subluxed}. Hill-Sachs deformity
is not seen; no bony Bankart lesion.
Acromion is type II. {Mild|Moderate} acromioclavicular osteoarthritis with inferior spurring. Goutallier grade {1|2}
atrophy. Small amount of bursal fluid.""",
    """FLUOROSCOPIC UPPER GI SERIES. Scout film shows a nonobstructive gas pattern. Thick and thin barium were given.
Swallowing function is {normal|delayed}.
Primary peristalsis is {intact|weak with tertiary waves}. Small sliding hiatal hernia with {spontaneous|elicited}
reflux to the level of the carina.
Stomach distends well with normal rugal folds. Duodenal bulb and sweep are normal, ligament of Treitz in expected
position. Fluoroscopy time
{1.2..4.9} minutes, dose area product {3.1..18.7} Gy cm2.""",
    """DUPLEX ULTRASOUND OF THE {LEFT|RIGHT} LOWER EXTREMITY VEINS: Common femoral, femoral, popliteal and posterior
tibial veins were compressed at 2 cm intervals.
All segments {compress fully|compress fully except the popliteal vein, which holds echogenic thrombus}. Flow is
phasic with normal augmentation. The peroneal
veins were not well seen due to edema. No Baker cyst. IMPRESSION: {Negative for|Positive for} deep venous
thrombosis.""",
    """CAROTID DUPLEX. Peak systolic velocity in the right ICA is {62..140} cm/s, end diastolic {15..48} cm/s, ratio
{0.7..1.9}. Left ICA {64..230} cm/s, end diastolic {18..80} cm/s,
ratio {0.8..3.2}. {Mild|Moderate} heterogeneous plaque at both bulbs. Vertebral flow is antegrade on both sides.
{Less than 50|50 to 69} percent stenosis by SRU consensus.""",
    """PET/CT SKULL BASE TO MID THIGH. {310..480} MBq of F-18 FDG, uptake time {55..75} minutes, blood glucose
{82..160} mg/dL. Liver background SUVmean {1.8..2.9}. Hypermetabolic
{right|left} hilar node with SUVmax {3.1..14.8}, previously {3.0..15.9}. Physiologic activity in brain, heart,
kidneys and bladder. No FDG avid osseous lesion. Brown fat
uptake in the supraclavicular regions. Deauville score {1|2|3|4}. Low dose CT shows no additional finding.""",
    """NM BONE SCAN. {640..920} MBq Tc-99m MDP. Delayed whole body images at 3 hours. Focal uptake in the
{left|right} {4..9}th rib laterally, likely post-traumatic. Degenerative
uptake at both knees, {greater on the right|greater on the left}, and the lower lumbar spine. No pattern of
metastatic disease. Kidneys and bladder are visualized.""",
    """CTA HEAD AND NECK. Three vessel arch. Common carotid arteries are widely patent. Calcified plaque at the
{left|right} bifurcation with {20..65} percent narrowing by NASCET.
Vertebral arteries: {left|right} dominant. Circle of Willis: fetal origin of the {left|right} posterior cerebral
artery. A {2..6} mm saccular outpouching at the anterior
communicating artery {is suspicious for aneurysm|likely an infundibulum}. Dural sinuses opacify. Lung apices: mild
emphysema.""",
    """CARDIAC MRI: LV end-diastolic volume index {62..118} mL/m2, ejection fraction {32..66} percent, mass index
{48..92} g/m2. {No|Mid-wall|Subendocardial} late gadolinium
enhancement in the {basal inferolateral|septal} segments. Native T1 {960..1090} ms at 1.5 T, T2 {44..58} ms, ECV
{24..36} percent. Short axis and long axis cine show
{normal|mildly reduced} wall motion. Trileaflet aortic valve. No thrombus. Trivial pericardial fluid.""",
    """CORONARY CTA. Agatston score {0..780}. LAD: {25 to 49|50 to 69} percent stenosis in the mid segment by mixed
plaque. Circumflex: minimal plaque. RCA: dominant, no stenosis. Left main
is patent. CAD-RADS {1|2|3}. Heart rate {54..68} bpm after beta blocker; prospective trigger at 75 percent of the R-R
interval; DLP {140..390} mGy cm.""",
    # English, prose
    """There is again noted a heterogeneous mass in the {left|right} lobe of the thyroid, now {12..34} x {10..28} x
{9..30} mm, {slightly larger|unchanged} over the interval. It is
predominantly solid, hypoechoic and taller than wide, with punctate echogenic foci. TI-RADS {4|5}. Fine needle
aspiration is recommended if it has not been done. A second
nodule near the isthmus is spongiform and needs no follow-up. No suspicious cervical nodes at levels II to VI.""",
    """The hardware is in good position. Cortical margins remain sharp and there is early bridging callus about the
{tibial|femoral|humeral} shaft fracture. No lucency about
the screws to suggest loosening. Alignment is near anatomic with {2..9} degrees of {varus|valgus} angulation. Soft
tissue swelling has decreased. Weight bearing views may be
obtained at the next visit if clinically warranted.""",
    """Comparison was made with the outside study. The previously described pneumothorax on the {left|right} has
resolved after placement of the chest tube, which should
be checked for side port position. There is subcutaneous gas along the lateral wall, less than before. Hazy opacity
at the base could be layering fluid or
contusion; a decubitus film would help to tell. Ribs {3..5} through {6..9} show minimally displaced fractures.""",
    """Single live intrauterine gestation in {cephalic|breech} presentation. Biparietal diameter {44..92} mm, head
circumference {170..330} mm, abdominal circumference {150..340} mm,
femur length {30..72} mm. Estimated weight {320..3400} g, which is at the {12..88}th percentile. Placenta is
{anterior|posterior|fundal} and clear of the internal os. Amniotic fluid
index {8.1..19.7} cm. Four chamber heart view, outflow tracts, kidneys, bladder, spine, and three vessel cord were
seen and appear normal. Cervix {28..44} mm.""",
    """Under ultrasound guidance and with sterile technique a {17|18|20} gauge coaxial needle was advanced into the
lesion in the {left|right} hepatic lobe. {3|4|5} cores were taken
and placed in formalin. Local anesthesia was {8..15} mL of 1 percent lidocaine. Conscious sedation with midazolam
{1|2} mg and fentanyl {50|75|100} mcg. There was no immediate
bleeding on color Doppler. The patient may return home after two hours of bed rest.""",
    """The patient was brought to the suite and the {right|left} common femoral artery was accessed with a
micropuncture set. A 5 French sheath was placed. Selective injection of the
celiac and superior mesenteric arteries showed no active extravasation. A closure device was deployed. Estimated
blood loss was less than {5|10|20} mL. Contrast {60..140} mL,
air kerma {220..1900} mGy. The patient will remain flat for four hours. No complication.""",
    """pt with cough and fever. lungs: patchy opacity {rll|lll|rml}, likely pneumonia. no effusion. heart nl size.
old granuloma {left|right} apex. no ptx. bones ok. repeat film in
{4|6|8} weeks to be sure it clears. called to the floor at {1..11}:{10..59} pm.""",
    """XR {LT|RT} WRIST 3 VIEWS NO PRIOR. IMPACTED INTRAARTICULAR FRACTURE OF THE DISTAL RADIUS WITH {8..22} DEGREES
OF DORSAL ANGULATION. ULNAR STYLOID AVULSION. ULNAR VARIANCE
PLUS {1|2|3} MM. NO CARPAL DISLOCATION. SCAPHOLUNATE INTERVAL {2|3} MM. SOFT TISSUE SWELLING. BONES ARE OSTEOPENIC. A
LONG SPLINT IS IN PLACE. MAY NEED CT FOR PLANNING.""",
    """ct neck soft tissue: tonsils are enlarged, {left|right} more than {right|left}, with a {9..24} mm rim
enhancing collection consistent with peritonsillar abscess. airway is mildly narrowed
but patent. no retropharyngeal fluid. reactive level II nodes. jugular veins patent. black blood sequence not part of
this ct. teeth: periapical lucency about tooth {2..31}.""",
    """Clinical question: rule out appendicitis. The appendix is {dilated to {9..14} mm with wall thickening and
periappendiceal fat stranding|not well seen but there is no secondary sign
of inflammation}. A {4..8} mm appendicolith lies at the base. No abscess or perforation. Terminal ileum is normal.
Reactive mesenteric nodes up to {5..9} mm. Free fluid in the
pouch of Douglas is {trace|absent|physiologic}. Ovaries are normal for age; corpus luteum on the {left|right}.""",
    """SCOLIOSIS SURVEY: {Dextroconvex|Levoconvex} curve of the thoracic spine with Cobb angle of {12..48} degrees
from T{4..6} to T{10..12}; compensatory lumbar curve {8..30} degrees. Risser stage {1|2|3|4}.
No vertebral anomaly. Pelvic tilt {2..11} mm down on the {left|right}. Sagittal balance {plus|minus} {4..38} mm. Ribs
count twelve pairs.""",
    """HYSTEROSALPINGOGRAM. A scout film was normal. {4..9} mL of water soluble contrast was instilled. The cavity
has a smooth contour, without filling defect. Both tubes fill; there is free spill
on the {left|right}, and {delayed|prompt} spill on the other side. No hydrosalpinx. Minimal venous intravasation.""",
    """DXA. L1 to L4 bone density {0.8..1.3} g/cm2, T score minus {0.4..3.1}, Z score minus {0.1..1.9}. Femoral neck
{0.6..1.0} g/cm2, T score minus {0.5..3.2}. Ten year risk of major osteoporotic fracture
{4..28} percent, hip {0.4..9.8} percent. Category: {normal|osteopenia|osteoporosis}. Change since the baseline is
{plus|minus} {1.1..5.8} percent.""",
    """MR PROSTATE at 3 T. Gland {24..98} mL. Peripheral zone: {6..19} mm lesion at the {left|right} {apex|mid
gland|base}, marked hypointensity on ADC ({480..890}), early enhancement, PI-RADS {3|4|5}. Transition
zone: heterogeneous nodules with capsule, PI-RADS 2. No extension beyond the capsule; seminal vesicles are normal. No
nodes. PSA density {0.1..0.3}. Bones normal.""",
    """LIVER MRI with gadoxetate. Segment {4..8} lesion of {11..46} mm with arterial phase hyperenhancement,
{nonperipheral washout|no washout}, and {capsule appearance|no capsule}; LI-RADS {3|4|5}. Two
hemangiomas, {8..21} mm. Portal and hepatic veins patent. Spleen {11..15} cm. Fat fraction {3..24} percent. Small
varices. Trace ascites about the liver edge.""",
    """The bowel gas pattern is nonspecific. Moderate stool burden in the right colon. No dilated loops or air-fluid
levels to suggest obstruction. No free gas below the diaphragm on the upright film.
Phleboliths in the pelvis. A {3..8} mm density projects over the {left|right} renal shadow and could be a stone.
Degenerative hip disease, joint space {2..4} mm.""",
    """Trauma CT, pan scan. Head: no bleed. Neck: C{3..5}-C{6..7} spondylosis, no fracture. Chest: small {left|right}
hemothorax {180..900} mL, {left|right} rib fractures {4..6} to {7..9}. Abdomen: grade {2|3} splenic
laceration {2..4} cm deep, without blush. Moderate hemoperitoneum. Pelvis: nondisplaced superior ramus fracture.
Findings were discussed with the trauma team by phone at {1..12}:{10..59}.""",
    """TEMPORAL BONE CT: Ossicles are intact. Scutum is {sharp|blunted}. Soft tissue in the {left|right} Prussak
space, {3..7} mm. Tegmen is thin but intact. Cochlea has two and a half turns. Vestibular aqueduct {0.7..1.4} mm.
Internal
canals symmetric. Facial canal covered. Mastoid on the {left|right} is sclerotic and underpneumatized.""",
    """Renal scan with {180..330} MBq Tc-99m MAG3. Split function left {38..62} percent, right the rest. Time to peak
{3.1..6.8} min. After furosemide 40 mg IV the half time is {6.2..24.8} min on the {left|right}. Bladder empties well.
IMPRESSION: {Nonobstructive|Indeterminate} drainage pattern.""",
    """HIP MRI. There is a {double line sign|crescent of low signal} in the {left|right} femoral head involving
{15..48} percent of the weight bearing surface, Ficat stage {2|3}. Moderate marrow edema to the neck. {No|Mild}
collapse. The
labrum is torn at the anterosuperior portion, {1..3} o'clock. Gluteus medius tendinosis. Trochanteric bursa holds a
little fluid.""",
    # Spanish
    """TC DE TÓRAX CON CONTRASTE. Se realiza estudio helicoidal tras la administración de {80..110} ml de contraste
yodado. No se observan adenopatías mediastínicas ni hiliares de tamaño significativo.
Nódulo {sólido|subsólido} de {4..15} mm en el lóbulo {superior|inferior} {derecho|izquierdo}. No hay derrame pleural
ni pericárdico. Corazón de tamaño normal. Hígado sin lesiones focales. Cambios degenerativos en la columna dorsal.
Conclusión: nódulo pulmonar a valorar con control en {3|6|12} meses.""",
    """ECOGRAFÍA ABDOMINAL. Hígado de tamaño {normal|aumentado} y ecogenicidad {conservada|aumentada}, sin lesiones.
Vesícula {alitiásica|con varias litiasis de hasta {5..13} mm}. Vía biliar no dilatada, colédoco de {3..6} mm.
Páncreas parcialmente
visible. Bazo de {9..12} cm. Riñones con buena diferenciación cortical, sin dilatación; quiste simple de {8..30} mm
en el polo {superior|inferior} del riñón {derecho|izquierdo}. Vejiga poco replecionada. No se aprecia líquido
libre.""",
    """RM DE RODILLA {DERECHA|IZQUIERDA}. Rotura {horizontal|compleja} del cuerno posterior del menisco interno.
Menisco externo sin alteraciones. Ligamentos cruzados íntegros. Condropatía rotuliana grado {II|III}. Derrame
articular {leve|moderado}.
Quiste de Baker de {15..42} mm. Edema óseo en el platillo tibial. Tendón rotuliano normal. No se ven fracturas.""",
    """RX DE TÓRAX PA Y LATERAL: Índice cardiotorácico {normal|ligeramente aumentado}. Senos costofrénicos
{libres|pinzado el {derecho|izquierdo}}. Aumento de densidad en base {derecha|izquierda} que podría corresponder a
{atelectasia|infiltrado}. Mediastino
centrado. Elongación aórtica. Cabeza humeral sin lesiones. Se recomienda control en {4|6} semanas según evolución
clínica del paciente.""",
    """TC CRANEAL SIN CONTRASTE. No hay signos de sangrado agudo. Sistema ventricular de tamaño y forma normales.
Línea media centrada. Infarto lacunar antiguo en el {tálamo|caudado} {derecho|izquierdo}. Atrofia corticosubcortical
acorde a la
edad. Calcificaciones en los sifones carotídeos. Celdillas mastoideas bien neumatizadas. Ocupación parcial del seno
maxilar {derecho|izquierdo}.""",
    """MAMOGRAFÍA BILATERAL. Mamas de patrón {graso|fibroglandular disperso|heterogéneamente denso}. Asimetría focal
de {6..18} mm en el cuadrante {superoexterno|inferointerno} de la mama {derecha|izquierda}. No se identifican
microcalcificaciones sospechosas ni
distorsión. Ganglios axilares de aspecto normal. BI-RADS {0|2|3}. Completar con proyección de compresión y
ecografía.""",
    # German
    """CT Thorax nach i.v. Kontrastmittelgabe ({70..110} ml). Kein Nachweis pathologisch vergrößerter Lymphknoten
mediastinal, hilär oder axillär. {Glatt|Unscharf} begrenzter Rundherd im {rechten|linken} {Ober|Unter}lappen, {4..16}
mm. Kein Pleuraerguss,
kein Perikarderguss. Herz nicht vergrößert. Geringe dorsobasale Belüftungsstörungen. Degenerative Veränderungen der
Brustwirbelsäule ohne Anhalt für eine Metastasierung.
Beurteilung: Rundherd, Verlaufskontrolle in {3|6|12} Monaten empfohlen.""",
    """MRT des {linken|rechten} Kniegelenks. Innenmeniskus mit {horizontalem|komplexem} Riss im Hinterhorn.
Außenmeniskus intakt. Vorderes und hinteres Kreuzband durchgehend abgrenzbar. Knorpelschaden Grad {2|3}
retropatellar. {Mäßiger|Geringer} Gelenkerguss. Baker-Zyste
von {12..45} mm Länge. Knochenmarködem im medialen Tibiakopf. Kein Frakturnachweis. Weichteile reizlos.""",
    """Röntgen Thorax in zwei Ebenen: Zwerchfelle glatt begrenzt, Randwinkel {frei|{rechts|links} verschattet}. Herz
{normal groß|grenzwertig groß}. Mediastinum mittelständig. Keine Stauung, kein Infiltrat, kein Pneumothorax.
{Alter|Kein} Rippenbruch {rechts|links}. Im Vergleich zur
Voraufnahme unveränderter Befund. Kleine Verkalkung im {rechten|linken} Oberfeld.""",
    """Schädel-CT nativ: Keine Blutung, keine Raumforderung, kein Infarktfrühzeichen. Innere und äußere Liquorräume
{altersentsprechend|leicht erweitert}. Mittellinie nicht verlagert. Alter lakunärer Defekt im {linken|rechten}
Stammganglienbereich. Knöcherner Schädel intakt.
Schleimhautschwellung in der {linken|rechten} Kieferhöhle. Kopf und Hals sonst unauffällig, soweit mit erfasst.""",
    """Sonographie Abdomen: Leber {normal groß|vergrößert, {15..19} cm in der MCL}, Parenchym {homogen|echoreich},
keine Herde. Gallenblase {steinfrei|mit Steinen bis {5..15} mm}. DHC {3..6} mm. Pankreas überlagert. Milz {9..12} cm
lang. Nieren beidseits ohne Stau, Parenchymsaum {12..18} mm.
Kein Stein, kein Aszites. Harnblase glatt. Aorta {16..24} mm.""",
    """MRT LWS: Steilstellung. Bandscheiben L3/4 und L4/5 dehydriert. L4/5: breitbasige Protrusion von {2..5} mm mit
Kontakt zur Wurzel L5 {rechts|links}. L5/S1: {kleiner|großer} Prolaps, {5..11} mm, nach kaudal umgeschlagen.
Spinalkanal {normal weit|mäßig eingeengt}. Kein Wirbelkörperödem.
Facettenarthrose. Konus bei L1 regelrecht.""",
    # French
    """SCANNER THORACIQUE AVEC INJECTION. Absence d'adénopathie médiastinale ou hilaire. Nodule {plein|en verre
dépoli} de {4..15} mm du lobe {supérieur|inférieur} {droit|gauche}. Pas d'épanchement pleural ni péricardique. Cœur
de taille normale. Foie sans lésion focale décelable. Remaniements
dégénératifs du rachis. Conclusion : nodule à contrôler par un scanner à faible dose dans {3|6|12} mois.""",
    """IRM CÉRÉBRALE. Pas de lésion ischémique récente en diffusion. Quelques hypersignaux FLAIR de la substance
blanche, {non spécifiques|d'allure vasculaire}. Système ventriculaire de taille normale, ligne médiane en place. Pas
de prise de contraste anormale après gadolinium. Sinus et
mastoïdes clairs, hormis un épaississement muqueux du sinus maxillaire {droit|gauche} de {3..9} mm.""",
    """ÉCHOGRAPHIE ABDOMINALE : foie {de taille normale|augmenté de volume}, {homogène|hyperéchogène}. Vésicule
{alithiasique|contenant des calculs jusqu'à {5..14} mm}. Voie biliaire principale fine, {3..6} mm. Rate {9..12} cm.
Reins sans dilatation, kyste de {8..35} mm au pôle {supérieur|inférieur}
{droit|gauche}. Vessie en faible réplétion. Pas d'épanchement. Le reste de l'examen est sans particularité.""",
    """RADIOGRAPHIE DU GENOU {DROIT|GAUCHE} de face et de profil : pincement {modéré|marqué} du compartiment
{interne|externe}, ostéophytes marginaux, condensation sous-chondrale. Épanchement intra-articulaire. Pas de
fracture. Rotule centrée. Bonne minéralisation. Calcification de {3..11} mm.""",
    # Portuguese
    """TOMOGRAFIA DE TÓRAX COM CONTRASTE. Não há linfonodos aumentados no mediastino. Nódulo {sólido|em vidro fosco}
de {4..15} mm no lobo {superior|inferior} {direito|esquerdo}. Ausência de derrame pleural. Coração de dimensões
normais. Fígado sem lesões focais. Alterações degenerativas da coluna.
Impressão: nódulo pulmonar, sugere-se controle em {3|6|12} meses.""",
    """ULTRASSONOGRAFIA DE ABDOME TOTAL: fígado de dimensões {normais|aumentadas} e ecotextura
{preservada|heterogênea}. Vesícula biliar {sem cálculos|com cálculos de até {5..14} mm}. Colédoco de {3..6} mm. Baço
homogêneo, {9..12} cm. Rins tópicos, sem hidronefrose; cisto de {8..32} mm no rim {direito|esquerdo}.
Bexiga com boa repleção. Não há líquido livre. Pâncreas parcialmente visto por interposição gasosa.""",
    """RESSONÂNCIA DO JOELHO {DIREITO|ESQUERDO}. Ruptura {oblíqua|radial} do corno posterior do menisco medial.
Ligamentos cruzados íntegros. Condropatia patelar grau {II|III}. {Pequeno|Moderado} derrame articular. Cisto de Baker
medindo {15..40} mm. Edema ósseo no planalto tibial lateral. Sem fraturas.""",
    """RAIO X DE TÓRAX EM PA E PERFIL. Pulmões {expandidos e sem opacidades|com opacidade na base
{direita|esquerda}}. Área cardíaca {normal|aumentada}. Seios costofrênicos {livres|velado o {direito|esquerdo}}.
Aorta alongada. Arcabouço ósseo sem lesões agressivas. Comparar com exames anteriores se houver.""",
    # English, letters and follow-up notes
    """Thank you for sending this pleasant gentleman for staging. He has had hoarseness for {2..9} weeks and lost
{3..12} kg. The laryngeal mass crosses the anterior commissure and measures {14..32} mm. Thyroid cartilage is
eroded on the {left|right}. I count {2|3|4} suspicious nodes at level III, the largest {12..29} mm, with central
necrosis. The chest is clear. Stage would be T{3|4} N2. I would be grateful if biopsy results could be sent on.""",
    """She did well overnight. The drain put out {30..220} mL of serous fluid and may be pulled when it falls below
{20|30} mL. Scan today shows the pelvic collection down to {18..44} x {12..30} mm from {45..90} x {31..60} mm. White
count {7.1..14.9}, creatinine
{0.6..1.4} mg/dL, CRP {12..140} mg/L. Continue antibiotics for {5|7|10} days. No new bowel wall thickening. Hope to
stop the drip by the weekend.""",
    """Radiotherapy planning CT, 2 mm slices, supine, arms up, vac bag. Isocenter at the {left|right} chest wall.
Dose {40..60} Gy in {15..30} fractions, boost {10|16} Gy. Mean heart dose {1.2..4.9} Gy, lung V20 {8..22} percent,
cord max {12..38} Gy. Field junction was checked; skin flash 2 cm. Bolus on
alternate days. Weekly cone beam images with couch shifts below {3|5} mm.""",
)
