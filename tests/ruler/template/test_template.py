"""Templates print what Go prints, and refuse when read what Go would find out in the night."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.errors import ConfigError, LuminaError
from ruler.template import (
    ALERTMANAGER,
    Instant,
    Items,
    Pairs,
    Struct,
    TemplateError,
    Templates,
    compile_template,
)
from ruler.template.run import Limits

DATA = Struct(
    "Data",
    {
        "Status": "firing",
        "Count": 3,
        "Ratio": 0.5,
        "Big": 1234567.0,
        "Yes": True,
        "Empty": "",
        "Labels": Pairs({"job": "node", "alertname": "Disk<Full>", "b": "2"}),
        "Alerts": Items([Struct("Alert", {"Name": name}) for name in ("x", "y", "z")]),
        "None": Items([]),
        "At": Instant(1_767_323_045_678),
    },
    {"Join": lambda one, other: f"{one}+{other}"},
)

RENDERS = {
    "plain": ("a b", "a b"),
    "field": ("{{ .Status }}", "firing"),
    "trim both": ("a  {{- .Status -}}  b", "afiringb"),
    "trim needs a space": ("a {{-3}}", "a -3"),
    "comment": ("a{{/* x */}}b {{- /* y */ -}} c", "abc"),
    "if": ("{{ if .Yes }}y{{ else }}n{{ end }}", "y"),
    "if else if": ("{{ if .Empty }}1{{ else if eq .Count 3 }}2{{ else }}3{{ end }}", "2"),
    "with": ("{{ with .Status }}<{{ . }}>{{ end }}{{ with .Empty }}x{{ else }}-{{ end }}", "<firing>-"),
    "else with": ("{{ with .Empty }}x{{ else with .Status }}{{ . }}{{ end }}", "firing"),
    "range": ("{{ range .Alerts }}{{ .Name }}{{ end }}", "xyz"),
    "range with index": ("{{ range $i, $a := .Alerts }}{{ $i }}{{ $a.Name }}{{ end }}", "0x1y2z"),
    "range else": ("{{ range .None }}x{{ else }}none{{ end }}", "none"),
    "range over a map": (
        "{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}",
        "alertname=Disk<Full>;b=2;job=node;",
    ),
    "range over a number": ("{{ range 3 }}{{ . }}{{ end }}", "012"),
    "break and continue": (
        """{{ range .Alerts }}
        {{- if eq .Name "x" }}{{ continue }}{{ end }}{{ if eq .Name "z" }}{{ break }}{{ end }}
        {{- .Name }}{{ end }}""",
        "y",
    ),
    "variables": ("{{ $x := 1 }}{{ if .Yes }}{{ $x = 2 }}{{ end }}{{ $x }}{{ $.Status }}", "2firing"),
    "a variable ends with its block": ("{{ $x := 1 }}{{ if $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
    "pipe": ('{{ .Status | toUpper | printf "%s-%s" "a" }}', "a-FIRING"),
    "parentheses": ("{{ (index .Alerts 1).Name }} {{ len (toUpper .Status) }}", "y 6"),
    "method": ('{{ .Join "a" "b" }} {{ "b" | .Join "a" }}', "a+b a+b"),
    "define and template": ('{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .Count }}', "[3]"),
    "block": ('{{ block "b" .Status }}<{{ . }}>{{ end }}', "<firing>"),
    "template sees its own data": (
        '{{ define "t" }}{{ $.Name }}{{ end }}{{ range .Alerts }}{{ template "t" . }}{{ end }}',
        "xyz",
    ),
    "missing label": ("({{ .Labels.nope }})", "()"),
    "missing in a map of anything": ('{{ $d := dict "a" 1 }}{{ $d.b }}', "<no value>"),
    "pairs": (
        "{{ .Labels }} {{ .Labels.SortedPairs.Names }}",
        "alertname=Disk<Full>, b=2, job=node [alertname b job]",
    ),
    "remove": ('{{ (.Labels.Remove (stringSlice "job" "b")).Values | join "," }}', "Disk<Full>"),
    "floats": (
        "{{ .Ratio }} {{ .Big }} {{ 1e20 }} {{ 0.00001 }} {{ 100000.0 }}",
        "0.5 1.234567e+06 1e+20 1e-05 100000",
    ),
    "print": ('{{ print 1 2 "a" "b" 3 }}|{{ println "x" 1 }}', "1 2a b3|x 1\n".replace("a b", "ab")),
    "printf": (
        '{{ printf "%5.2f|%-4s|%04d|%v|%q|%t|%x|%+d|%%|%6.3s" 3.14159 "ab" 42 1.0 "q" true 255 7 "abcd" }}',
        ' 3.14|ab  |0042|1|"q"|true|ff|+7|%|   abc',
    ),
    "printf says what does not fit": ('{{ printf "%d %s" "x" }}', "%!d(string=x) %!s(MISSING)"),
    "printf says what is too much": ('{{ printf "%d" 1 2 }}', "1%!(EXTRA int=2)"),
    "compare": (
        '{{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ ge 2.5 2.5 }} {{ le "a" "b" }}',
        "true true true true true",
    ),
    "and, or give values": ('{{ and true "x" }} {{ or "" "y" }} {{ not "" }}', "x y true"),
    "and stops early": ("{{ and false (index .Alerts 9) }}", "false"),
    "index": (
        '{{ index .Labels "job" }}{{ index .Labels "no" }} {{ slice "abcdef" 1 3 }} {{ len "größe" }}',
        "node bc 7",
    ),
    "escapes": ('{{ "tab\\tq\\"\\u00fc\\x41" }} {{ `raw\\n` }} {{ \'x\' }}', 'tab\tq"üA raw\\n 120'),
    "html, js, urlquery": (
        '{{ html "<a>&" }} {{ js "it\'s <" }} {{ urlquery "a b&c" }}',
        "&lt;a&gt;&amp; it\\'s \\u003C a+b%26c",
    ),
    "time": (
        '{{ .At | date "2006-01-02 15:04:05.000 MST Mon Jan _2 3PM" }}',
        "2026-01-02 03:04:05.678 UTC Fri Jan  2 3AM",
    ),
    "time elsewhere": (
        '{{ .At | tz "Europe/Paris" | date "15:04 -0700" }} {{ .At.Year }} {{ .At }}',
        "04:04 +0100 2026 2026-01-02 03:04:05.678 +0000 UTC",
    ),
    "regular expressions": (
        '{{ reReplaceAll "(.*):(\\\\d+)" "$1 port ${2}" "host:9100" }} {{ match "^a" "ab" }}',
        "host port 9100 true",
    ),
    "json": ("{{ .Labels | toJson }}", '{"alertname":"Disk\\u003cFull\\u003e","b":"2","job":"node"}'),
    "title": ('{{ title "two wORDS o\'clock" }}', "Two Words O'clock"),
    "durations": (
        '{{ humanizeDuration 93784.0 }},{{ humanizeDuration "0.0123" }},{{ humanizeDuration -3661 }}',
        "1d 2h 3m 4s,12.3ms,-1h 1m 1s",
    ),
    "lists": ('{{ $l := list 1 "x" }}{{ index $l 1 }} {{ len (append $l 3) }}', "x 3"),
    "trailing space before the end": ("{{ .Status   }}", "firing"),
    "many spaces before a trim": ("{{ .Status   -}}  x", "firingx"),
}


@pytest.mark.parametrize(("text", "wanted"), RENDERS.values(), ids=RENDERS)
def test_renders(text: str, wanted: str) -> None:
    template = compile_template(text, "t", ALERTMANAGER)
    template.check(DATA)
    assert template.render(DATA) == wanted


REFUSED = {
    "function": ("{{ .Status | shout }}", "t:1:14: template: function 'shout' is not defined"),
    "template": ('x\n{{ template "no.such" . }}', "t:2:4: template: template 'no.such' is not defined"),
    "variable": ("{{ $x }}", "undefined variable $x"),
    "end missing": ("{{ if .Status }}x", "{{ end }} is missing"),
    "end too many": ("x{{ end }}", "unexpected {{ end }}"),
    "not closed": ("a {{ .Status", "}} is missing"),
    "text not closed": ('{{ "abc }}', "text is not closed"),
    "comment not closed": ("{{/* x", "comment is not closed"),
    "break outside": ("{{ break }}", "break outside of range"),
    "two else": ("{{ if .Yes }}{{ else }}{{ else }}{{ end }}", "second {{ else }}"),
    "nothing": ("{{ }}", "missing value"),
    "nothing after a pipe": ("{{ .Status | }}", "missing value after |"),
    "constant after a pipe": ("{{ .Status | 3 }}", "must be a function"),
    "define inside": ('{{ if .Yes }}{{ define "x" }}{{ end }}{{ end }}', "define belongs at the top"),
    "sign": ("{{ .Status ; }}", "unexpected ';'"),
    "escape": ('{{ "\\z" }}', "no such escape"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_when_read(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_template(text, "t", ALERTMANAGER)
    assert says in str(caught.value)


CHECKED = {
    "unknown field": ("{{ .Stat }}", "no field Stat in Data: it has Status"),
    "in a branch not taken": ("{{ if .Empty }}{{ .Nope }}{{ end }}", "no field Nope"),
    "inside a loop": ("{{ range .Alerts }}{{ .Nope }}{{ end }}", "no field Nope in Alert"),
    "in what it calls": ('{{ define "x" }}{{ .Nope }}{{ end }}{{ template "x" . }}', "no field Nope"),
    "wrong type": ("{{ len 3 }}", "len of type int"),
    "too many arguments": ('{{ toUpper "a" "b" }}', "toUpper wants 1 arguments, got 2"),
    "a number where a text is wanted": ("{{ toUpper .Count }}", "toUpper wants a text"),
    "incompatible": ('{{ eq .Count "3" }}', "incompatible types"),
    "range over a text": ("{{ range .Status }}{{ end }}", "range cannot go over string"),
    "regular expression": ('{{ match "(" "a" }}', "not a regular expression"),
    "a field of a text": ("{{ .Status.X }}", "no field X in a value of type string"),
}


@pytest.mark.parametrize(("text", "says"), CHECKED.values(), ids=CHECKED)
def test_what_no_data_could_mend_is_found_by_the_check(text: str, says: str) -> None:
    template = compile_template(text, "t", ALERTMANAGER)
    with pytest.raises(TemplateError) as caught:
        template.check(DATA)
    assert says in str(caught.value)
    assert str(caught.value).startswith("t:1:")


def test_what_depends_on_the_data_passes_the_check_and_fails_when_rendered() -> None:
    template = compile_template("{{ (index .None 0).Name }}", "t", ALERTMANAGER)
    template.check(DATA)
    with pytest.raises(TemplateError, match="index out of range: 0"):
        template.render(DATA)


LIMITED = {
    "output": ('{{ range 100000 }}{{ "xxxxxxxxxxxxxxxx" }}{{ end }}', "longer than"),
    "steps": ("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", "more than"),
    "depth": ('{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}', "call one another"),
}


@pytest.mark.parametrize(("text", "says"), LIMITED.values(), ids=LIMITED)
def test_limits(text: str, says: str) -> None:
    template = compile_template(text, "t", ALERTMANAGER)
    with pytest.raises(TemplateError, match=says):
        template.render(DATA, Limits(output_max=100_000, steps_max=50_000))


def test_a_file_defines_over_what_was_there() -> None:
    templates = Templates(ALERTMANAGER).with_file('{{ define "a" }}1{{ end }}', "one.tmpl")
    templates = templates.with_file('{{ define "a" }}2{{ template "b" }}{{ end }}', "two.tmpl")
    with pytest.raises(ConfigError, match=r"two.tmpl:1:\d+: template: template 'b' is not defined"):
        templates.check()
    whole = templates.with_file('{{ define "b" }}!{{ end }}', "three.tmpl")
    whole.check()
    assert compile_template('{{ template "a" . }}', "t", ALERTMANAGER, definitions=whole).render(DATA) == "2!"


HTML = {
    "text": ("<p>{{ . }}</p>", "<b>&\"'+", "<p>&lt;b&gt;&amp;&#34;&#39;&#43;</p>"),
    "attribute": ('<a title="{{ . }}">', '"><script>', '<a title="&#34;&gt;&lt;script&gt;">'),
    "address": ('<a href="{{ . }}">', "http://h/?a=b&c", '<a href="http://h/?a=b&amp;c">'),
    "bad address": ('<a href="{{ . }}">', "javascript:alert(1)", '<a href="#ZgotmplZ">'),
    "within a query": ('<a href="http://h/?q={{ . }}">', "a&b=c d", '<a href="http://h/?q=a%26b%3Dc%20d">'),
    "script": ("<script>x = {{ . }};</script>", "</script>", '<script>x = "\\u003c/script\\u003e";</script>'),
    "style": ('<p style="color:{{ . }}">', "red;background:url(x)", '<p style="color:ZgotmplZ">'),
    "plain style": ('<p style="color:{{ . }}">', "red", '<p style="color:red">'),
    "comment": ("<!-- {{ . }} -->{{ . }}", "a", "<!--  -->a"),
    "after a script": ("<script>1</script><p>{{ . }}", "<i>", "<script>1</script><p>&lt;i&gt;"),
}


@pytest.mark.parametrize(("text", "value", "wanted"), HTML.values(), ids=HTML)
def test_html_is_escaped_where_it_stands(text: str, value: str, wanted: str) -> None:
    assert compile_template(text, "t", ALERTMANAGER, html=True).render(value) == wanted


def test_safe_html_is_not_escaped() -> None:
    template = compile_template("<p>{{ . | safeHtml }}</p>", "t", ALERTMANAGER, html=True)
    assert template.render("<b>x</b>") == "<p><b>x</b></p>"


@given(st.text(alphabet="{}.|$()\"`'-_ =,:#abeginrtdfs0123/*\n", max_size=60))
def test_any_text_renders_or_is_refused(text: str) -> None:
    try:
        compile_template(text, "t", ALERTMANAGER).render(DATA)
    except LuminaError as error:
        assert str(error)  # noqa: PT017 - either is right


def test_templates_see_nothing_of_python() -> None:
    for text in ("{{ .__class__ }}", "{{ .Labels.keys }}", "{{ .Alerts.append }}", "{{ .At.unix_ms }}"):
        rendered: Any = None
        try:
            rendered = compile_template(text, "t", ALERTMANAGER).render(DATA)
        except LuminaError:
            continue
        assert rendered == "", text
