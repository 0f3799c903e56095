import threading
from contextlib import suppress

from promkit.exposition import Family, gauge, render
from promkit.own import Registry, process_families


def lines(registry: Registry, start: str) -> list[str]:
    page = render(registry.collect()).decode()
    return [line for line in page.splitlines() if line.startswith(start)]


def test_counters_gauges_histograms() -> None:
    own = Registry("ruler")
    sent = own.counter("ruler_sent_total", "Sent.", ("receiver",))
    queue = own.gauge("ruler_queue", "Waiting.")
    seconds = own.histogram("ruler_eval_seconds", "Evaluations.", bounds=(0.1, 1))
    sent.inc("email")
    sent.inc("email", by=2)
    sent.inc("slack")
    queue.set(5)
    queue.add(-2)
    for value in (0.1, 0.11, 5):
        seconds.observe(value)
    assert lines(own, "ruler_sent") == [
        'ruler_sent_total{receiver="email"} 3',
        'ruler_sent_total{receiver="slack"} 1',
    ]
    assert lines(own, "ruler_queue") == ["ruler_queue 3"]
    assert lines(own, "ruler_eval") == [
        'ruler_eval_seconds_bucket{le="0.1"} 1',
        'ruler_eval_seconds_bucket{le="1.0"} 2',
        'ruler_eval_seconds_bucket{le="+Inf"} 3',
        "ruler_eval_seconds_sum 5.21",
        "ruler_eval_seconds_count 3",
    ]


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    own = Registry("ruler")
    own.counter("ruler_lost_total", "Lost.")
    assert lines(own, "ruler_lost") == ["ruler_lost_total 0"]


def test_a_gauge_can_go() -> None:
    own = Registry("ruler")
    up = own.gauge("ruler_up", "Up.", ("target",))
    up.set(1, "a")
    up.set(1, "b")
    up.remove("a")
    up.remove("never there")
    assert lines(own, "ruler_up") == ['ruler_up{target="b"} 1']


def test_time_is_observed_also_when_it_fails() -> None:
    own = Registry("ruler")
    seconds = own.histogram("ruler_run_seconds", "Runs.")
    with suppress(ZeroDivisionError), seconds.time():
        raise ZeroDivisionError
    assert lines(own, "ruler_run_seconds_count") == ["ruler_run_seconds_count 1"]


def test_series_are_bounded_and_what_is_left_out_is_counted() -> None:
    own = Registry("ruler")
    paths = own.counter("ruler_paths_total", "Paths.", ("path",))
    for number in range(1_500):
        paths.inc(str(number))
    paths.inc("7")
    assert len(lines(own, "ruler_paths_total")) == 1_000
    assert 'ruler_paths_total{path="7"} 2' in lines(own, "ruler_paths_total")
    assert lines(own, "ruler_metrics_series_dropped") == [
        'ruler_metrics_series_dropped_total{metric="ruler_paths_total"} 500'
    ]


def test_families_made_at_the_scrape() -> None:
    own = Registry("ruler")

    def broken(_namespace: str) -> list[Family]:
        raise ZeroDivisionError

    own.collect_from(lambda namespace: [gauge(f"{namespace}_series", "Series.", ({}, 4))])
    own.collect_from(broken)
    assert lines(own, "ruler_series") == ["ruler_series 4"]


def test_threads_lose_nothing() -> None:
    own = Registry("ruler")
    hits = own.counter("ruler_hits_total", "Hits.", ("by",))
    seconds = own.histogram("ruler_hit_seconds", "Hits.")

    def hitting() -> None:
        for _ in range(2_000):
            hits.inc("x")
            seconds.observe(0.2)

    threads = [threading.Thread(target=hitting) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lines(own, "ruler_hits_total") == ['ruler_hits_total{by="x"} 8000']
    assert lines(own, "ruler_hit_seconds_count") == ["ruler_hit_seconds_count 8000"]


def test_the_process_itself() -> None:
    values = {family.name: family.samples[0].value for family in process_families()}
    assert values["process_cpu_seconds"] > 0
    assert 5e6 < values["process_resident_memory_bytes"] < 5e9
    assert 1.6e9 < values["process_start_time_seconds"] < 1e11
    assert 0 < values["process_open_fds"] < values["process_max_fds"]
