"""The words that surrogates are made of: common names, and places and institutions that are not there."""

from functools import cache

from scanward.deidentify.text.lexicon import given_words, listed_given, listed_surnames, name_words

_SHORTEST, _LONGEST = 4, 10

_FAMILY_SCRIPTS = (
    ("\u0370", "\u03ff", "Αλεξίου Βλάχος Γεωργίου Δήμου Ζαφείρης Καρράς Λάμπρου Μάνος Νικολάου Ράλλης Σταύρου Τσάκας"),
    ("\u0400", "\u04ff", "Белов Воронцов Громов Дроздов Ершов Калинин Лосев Миронов Орлов Рябов Тихонов Фомин"),
    ("\u0590", "\u05ff", "אביב ברקאי גלעד דרורי הדס כרמון לביא נבון סלע ענבר רותם שקד"),
    ("\u0600", "\u06ff", "الحداد الخطيب الزهراني السالم الشامي العطار الفارس القاسم المنصور النجار"),
    ("\u3400", "\u9fff", "佐久 小森 片岡 大沢 西川 堀内 林田 秋山 望月 青柳 水野 笠原"),
    ("\u3040", "\u30ff", "サクマ コモリ カタオカ ニシカワ ホリウチ アキヤマ モチヅキ ミズノ カサハラ アオヤギ"),
    ("\uac00", "\ud7af", "남궁 선우 황보 제갈 독고 사공 서문 동방"),
)
_GIVEN_SCRIPTS = (
    ("\u0370", "\u03ff", "Αντώνης Βασιλική Γιάννης Δέσποινα Ελένη Ηλίας Κώστας Μαρία Νίκος Σοφία"),
    ("\u0400", "\u04ff", "Антон Вера Глеб Дарья Егор Инна Лидия Марк Олег Полина Тимур Юлия"),
    ("\u0590", "\u05ff", "אורי גיל דנה הילה טל יעל ליאור מיכל נועם רוני"),
    ("\u0600", "\u06ff", "أمين بسمة جميل دلال رامي زينب سمير عادل فاتن نادر"),
    ("\u3400", "\u9fff", "真央 直樹 千春 和也 由美 拓海 沙織 健二 明美 大輔"),
    ("\u3040", "\u30ff", "マオ ナオキ チハル カズヤ ユミ タクミ サオリ ケンジ アケミ ダイスケ"),
    ("\uac00", "\ud7af", "가람 나래 다온 마루 보람 새별 아름 한결"),
)

PLACES = {
    "en": tuple(
        "Ashbourne Birchmont Cedarholm Dunmere Eastvale Fernhollow Glenmarsh Hartwick Ivybrook Juniperton Kestrelby "
        "Larkmoor Maplecrest Northmead Oakhurst Pinevale Quillford Rosemere Silverbrook Thornbury Underhill "
        "Valemount Westmere Yarrowgate".split()
    ),
    "de": tuple(
        "Ahornfeld Birkental Eschenhain Fichtengrund Ginsterau Haselbach Kastanienhof Lerchenau Moosbrunn "
        "Nussbaumen Rehwiesen Sonnenhag Tannenbruck Ulmenrode Weidenthal Ziegelgrund".split()
    ),
    "es": tuple(
        "Alamedilla Bellaluna Campoverde Fuenclara Granadera Montealto Navaflor Olmedal Piedrarrubia Riosereno "
        "Solanilla Torreclara Valdeoliva Villaserena".split()
    ),
}
"""Names of places by language, put together from trees, waters and hills: of streets, towns and institutions."""


@cache
def family_pool() -> tuple[str, ...]:
    """Return surnames in lower case; none is an ordinary word, a term or a given name as well."""
    return _pool((listed_surnames() & name_words()) - listed_given())


@cache
def given_pool() -> tuple[str, ...]:
    """Return given names in lower case; none is an ordinary word, a term or a surname as well."""
    return _pool(given_words() - listed_surnames())


def _pool(words: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(word for word in words if word.isascii() and _SHORTEST <= len(word) <= _LONGEST))


def pool_for(word: str, *, is_given: bool) -> tuple[str, ...]:
    """Return the names to choose from in place of `word`: of its script, where there are some."""
    for char in word:
        if char > "\u036f":
            for first, last, names in _GIVEN_SCRIPTS if is_given else _FAMILY_SCRIPTS:
                if first <= char <= last:
                    return tuple(names.split())
    return given_pool() if is_given else family_pool()
