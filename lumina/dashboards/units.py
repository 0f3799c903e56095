"""Our units and Grafana's.

A unit of ours is one of five words, or a word of the user's own, which Grafana writes behind the number
(`suffix:`). Grafana's own ids are those of `getValueFormats()` in @grafana/data 13.
"""

__all__ = ["is_grafana_unit", "to_grafana", "to_ours"]

_OURS: dict[str, str] = {
    "": "short",
    "ratio": "percentunit",
    "bytes": "bytes",
    "bytes/s": "binBps",
    "seconds": "s",
    "per second": "cps",
    "req/s": "reqps",
}
# Grafana's ids that say the same, or nearly: decimal bytes become our binary ones.
_ALIKE: dict[str, str] = {
    "none": "",
    "string": "",
    "locale": "",
    "sishort": "",
    "decbytes": "bytes",
    "Bps": "bytes/s",
    "dtdurations": "seconds",
    "clocks": "seconds",
    "dthms": "seconds",
    "dtdhms": "seconds",
    "ops": "per second",
    "rps": "reads/s",
    "wps": "writes/s",
    "iops": "I/O operations/s",
    "eps": "events/s",
    "pps": "packets/s",
    "bps": "bits/s",
    "binbps": "bits/s",
    "cpm": "per minute",
    "opm": "operations/min",
    "reqpm": "requests/min",
    "percent": "%",
    "ms": "ms",
    "celsius": "°C",
    "hertz": "Hz",
    "watt": "W",
    "volt": "V",
}
_CUSTOM = ("suffix:", "prefix:", "currency:", "time:", "si:", "count:", "bool:")
_GRAFANA = frozenset(
    """
    none string short sishort percent percentunit humidity dB candela hex0x hex sci locale pixel accMS2 accFS2
    accG degree radian grad arcmin arcsec areaM2 areaF2 areaMI2 acres hectares flops mflops gflops tflops
    pflops eflops zflops yflops ppm conppb conngm3 conngNm3 conμgm3 conμgNm3 conmgm3 conmgNm3 congm3 congNm3
    conmgdL conmmolL currencyUSD currencyGBP currencyEUR currencyJPY currencyRUB currencyUAH currencyBRL
    currencyDKK currencyISK currencyNOK currencySEK currencyCZK currencyCHF currencyPLN currencyBTC
    currencymBTC currencyμBTC currencyZAR currencyINR currencyKRW currencyIDR currencyPHP currencyVND
    currencyTRY currencyMYR currencyXPF currencyBGN currencyPYG currencyUYU currencyILS bytes decbytes bits
    decbits kbytes deckbytes mbytes decmbytes gbytes decgbytes tbytes dectbytes pbytes decpbytes pps binBps
    Bps binbps bps KiBs Kibits KBs Kbits MiBs Mibits MBs Mbits GiBs Gibits GBs Gbits TiBs Tibits TBs Tbits
    PiBs Pibits PBs Pbits dateTimeAsIso dateTimeAsIsoNoDateIfToday dateTimeAsUS dateTimeAsUSNoDateIfToday
    dateTimeAsLocal dateTimeAsLocalNoDateIfToday dateTimeAsSystem dateTimeFromNow watt kwatt megwatt gwatt
    mwatt Wm2 voltamp kvoltamp voltampreact kvoltampreact watth watthperkg kwatth kwattm mwatth amph kamph
    mamph joule ev amp kamp mamp volt kvolt mvolt dBm mohm ohm kohm Mohm farad µfarad nfarad pfarad ffarad
    henry mhenry µhenry lumens flowgpm flowcms flowcfs flowcfm litreh flowlpm flowmlpm lux forceNm forcekNm
    forceN forcekN Hs KHs MHs GHs THs PHs EHs massmg massg masslb masskg masst lengthmm lengthcm lengthin
    lengthft lengthm lengthkm lengthmi pressurembar pressurebar pressurekbar pressurepa pressurehpa
    pressurekpa pressurehg pressurepsi radbq radci radgy radrad radsv radmsv radusv radrem radexpckg radr
    radsvh radmsvh radusvh rotrpm rothz rotkhz rotmhz rotghz rotrads rotdegs celsius fahrenheit kelvin hertz
    ns µs ms s m h d dtdurationms dtdurations dthms dtdhms timeticks clockms clocks cps ops reqps rps wps iops
    eps mps recps rowsps cpm opm reqpm rpm wpm epm mpm recpm rowspm velocityms velocitykmh velocitymph
    velocityknot mlitre litre m3 Nm3 dm3 gallons bool bool_yes_no bool_on_off
    """.split()  # noqa: SIM905 - a word is easier to find here than among quotes
)
_BACK = {theirs: ours for ours, theirs in _OURS.items()} | _ALIKE


def to_grafana(unit: str) -> str:
    """Grafana's id of a unit of ours."""
    return _OURS.get(unit) or f"suffix:{unit}"


def to_ours(unit: str) -> str | None:
    """A unit of ours for an id of Grafana's; None where there is none that says the same."""
    if unit.startswith("suffix:"):
        return unit.removeprefix("suffix:").strip()
    return _BACK.get(unit)


def is_grafana_unit(unit: str) -> bool:
    """Whether Grafana knows the unit."""
    return unit in _GRAFANA or unit.startswith(_CUSTOM)
