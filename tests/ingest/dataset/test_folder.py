from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.dataset import DatasetError, read_dataset
from records.time import HOUR, parse_time
from records.weather import WeatherQuantity

T0 = parse_time("2014-01-01T00:00:00Z")
Write = Callable[..., Path]


def told(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    return str(caught.value)


def test_every_unit_becomes_the_mean_megawatts_of_the_step(write: Write) -> None:
    dataset = read_dataset(write())
    grid = dataset.load.grid()
    assert grid.series == ("north", "south")
    assert grid.times.tolist() == [T0, T0 + HOUR]
    np.testing.assert_allclose(grid.load_mw, [[1.0, 7.0], [2.5, np.nan]])


def test_energy_of_half_an_hour_is_twice_the_mean_power(write: Write) -> None:
    hierarchy = 'timezone = "UTC"\nstep = "PT30M"\n[[node]]\nid = "a"\nlevel = "x"\n'
    load = "series,valid_time,value,unit\na,2014-01-01T00:30:00Z,500,kWh\n"
    dataset = read_dataset(write(hierarchy=hierarchy, load=load, weather=None))
    assert dataset.load.load_mw.tolist() == [1.0]


def test_a_reading_can_be_known_when_its_interval_is_over(write: Write) -> None:
    load = read_dataset(write()).load
    assert (load.available_at == load.valid_time + HOUR).all()


def test_the_hierarchy_is_read_as_written(write: Write) -> None:
    hierarchy = read_dataset(write()).hierarchy
    assert (hierarchy.version, hierarchy.timezone, hierarchy.step_ns) == ("7", "Europe/Paris", HOUR)
    assert (hierarchy.root, hierarchy.bottom) == ("total", ("north", "south"))
    assert hierarchy.levels == ("total", "region")
    assert hierarchy.children("total") == ("north", "south")


def test_stations_are_inherited_from_above_or_gathered_from_below(write: Write) -> None:
    hierarchy = read_dataset(write()).hierarchy
    assert hierarchy.stations_of("north") == {"lille": 0.75, "rouen": 0.25}
    assert hierarchy.stations_of("total") == {"lille": 0.75, "rouen": 0.25}
    assert hierarchy.stations_of("south") == {}


def test_a_higher_version_wins_once_it_is_known(write: Write) -> None:
    load = (
        "series,valid_time,value,unit,version,available_at\n"
        "north,2014-01-01T00:00:00Z,5,MW,2,2014-01-03T00:00:00Z\n"
        "north,2014-01-01T00:00:00Z,4,MW,1,\n"
        "south,2014-01-01T00:00:00Z,1,MW,,\n"
    )
    readings = read_dataset(write(load=load)).load
    assert readings.grid().load_mw.tolist() == [[5.0, 1.0]]
    assert readings.grid(as_of=T0 + HOUR).load_mw.tolist() == [[4.0, 1.0]]


def test_weather_without_issue_time_is_observed_and_with_it_a_forecast(write: Write) -> None:
    weather = (
        "station,valid_time,quantity,value,issue_time\n"
        "lille,2014-01-01T00:00:00Z,temperature_degc,4,\n"
        "rouen,2014-01-01T00:00:00Z,temperature_degc,6,\n"
        "lille,2014-01-01T01:00:00Z,temperature_degc,5,2014-01-01T00:00:00Z\n"
    )
    dataset = read_dataset(write(weather=weather))
    grid = dataset.observations.grids[WeatherQuantity.TEMPERATURE]
    assert (grid.stations, grid.values.tolist()) == (("lille", "rouen"), [[4.0, 6.0]])
    assert dataset.forecasts.valid_time.tolist() == [T0 + HOUR]
    assert dataset.forecasts.issue_time.tolist() == [T0]


def test_a_dataset_without_weather_is_fine_when_no_node_names_a_station(write: Write) -> None:
    hierarchy = 'timezone = "UTC"\nstep = "PT1H"\n[[node]]\nid = "north"\nlevel = "x"\n'
    load = "series,valid_time,value,unit\nnorth,2014-01-01T00:00:00Z,5,MW\n"
    dataset = read_dataset(write(hierarchy=hierarchy, load=load, weather=None))
    assert dataset.observations.grids == {} and len(dataset.forecasts) == 0


def test_holidays_come_from_a_file_or_a_country(write: Write, sound: dict[str, str]) -> None:
    folder = write(hierarchy='country = "FR"\n' + sound["hierarchy"])
    assert np.datetime64("2014-07-14").astype(int) in read_dataset(folder).holidays
    (folder / "days.csv").write_text("date,name\n2014-01-02,Day of ours\n")
    folder = write(hierarchy='holidays = "days.csv"\n' + sound["hierarchy"])
    assert read_dataset(folder).holidays.tolist() == [np.datetime64("2014-01-02").astype(int)]


def test_rows_of_a_sum_are_left_out_with_a_note(write: Write, sound: dict[str, str]) -> None:
    dataset = read_dataset(write(load=sound["load"] + "total,2014-01-01T00:00:00Z,9,MW\n"))
    assert len(dataset.load) == 4
    assert any("total" in note for note in dataset.notes)


def test_parquet_reads_the_same_as_csv(write: Write) -> None:
    folder = write()
    expected = read_dataset(folder).load
    times = pa.array([T0, T0 + HOUR, T0, T0 + HOUR]).cast(pa.timestamp("ns", tz="UTC"))
    columns = {
        "series": ["north", "north", "south", "south"],
        "valid_time": times,
        "value": [1000.0, 2.5, 7.0, None],
        "unit": ["kW", "MWh", "MW", "MW"],
    }
    (folder / "load.csv").unlink()
    pq.write_table(pa.table(columns), folder / "load.parquet")
    read = read_dataset(folder).load
    for name in ("row", "valid_time", "version", "available_at", "load_mw"):
        np.testing.assert_array_equal(getattr(read, name), getattr(expected, name))


@pytest.mark.parametrize(
    ("bad_row", "expected"),
    [
        ("north,2014-01-01T02:00:00Z,1,GW", ["line 6", "'GW'", "kWh"]),
        ("north,2014-01-01T01:00:00Z,1,MW", ["line 6", "twice", "version"]),
        ("north,2014-01-01T02:00:00,1,MW", ["line 6", "no zone", "Z"]),
        ("norht,2014-01-01T02:00:00Z,1,MW", ["line 6", "'norht'", "'north'"]),
        ("north,2014-01-01T02:10:00Z,1,MW", ["line 6", "02:10", "PT1H"]),
        ("north,2014-01-01T02:00:00Z,inf,MW", ["line 6", "inf", "finite"]),
        ("north,2014-01-01T02:00:00Z,nan,MW", ["line 6", "nan", "empty"]),
        ("north,2014-01-01T02:00:00Z,many,MW", ["line 6", "'many'", "number"]),
        ("north,noon,1,MW", ["line 6", "'noon'", "not a time"]),
        ("north,,1,MW", ["line 6", "valid_time is empty"]),
        (",2014-01-01T02:00:00Z,1,MW", ["line 6", "series is empty"]),
        ("north,2014-01-01T02:00:00Z,1", ["line 6", "3 fields", "4"]),
        ("north,0014-01-01T02:00:00Z,1,MW", ["line 6"]),
        ("\nnorth,2014-01-01T02:00:00Z,1,GW", ["line 7", "'GW'"]),
    ],
)
def test_a_bad_load_row_is_told_with_its_line(
    write: Write, sound: dict[str, str], bad_row: str, expected: list[str]
) -> None:
    message = told(write(load=sound["load"] + bad_row + "\n"))
    assert message.startswith("load.csv, ")
    for part in expected:
        assert part in message


def test_parquet_problems_name_the_data_row(write: Write) -> None:
    folder = write()
    (folder / "load.csv").unlink()
    times = pa.array([T0, T0 + HOUR]).cast(pa.timestamp("us", tz="UTC"))
    columns = {"series": ["north", "south"], "valid_time": times, "value": [1.0, np.inf]}
    pq.write_table(pa.table(columns | {"unit": ["MW", "MW"]}), folder / "load.parquet")
    assert "load.parquet, row 2: value inf is not finite" in told(folder)


def test_naive_parquet_times_are_refused(write: Write) -> None:
    folder = write()
    (folder / "load.csv").unlink()
    times = pa.array([T0, T0]).cast(pa.timestamp("ns"))
    columns = {"series": ["north", "south"], "valid_time": times, "value": [1.0, 2.0]}
    pq.write_table(pa.table(columns | {"unit": ["MW", "MW"]}), folder / "load.parquet")
    assert "load.parquet: column 'valid_time' holds times without a zone" in told(folder)


def test_naive_local_labels_that_repeat_an_hour_are_told_apart(write: Write) -> None:
    rows = [
        f"{s},2014-10-26T{h}:00:00,1,MW" for s in ("north", "south") for h in ("01", "02", "02")
    ]
    message = told(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert "local labels repeat an hour" in message
    assert "load.csv, line 4" in message and "offset" in message


@pytest.mark.parametrize("zone", ["Z", "+02:00"])
def test_zoned_labels_that_repeat_the_hour_of_the_clock_change_are_told(
    write: Write, zone: str
) -> None:
    rows = [
        f"{series},2014-10-26T{hour}:00:00{zone},1,MW"
        for series in ("north", "south")
        for hour in ("01", "02", "02", "03")
    ]
    message = told(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert "line 4: local labels repeat an hour" in message


def test_a_day_of_25_hours_is_fine_with_its_offsets(write: Write) -> None:
    labels = [f"2014-10-26T{h:02}:00:00+02:00" for h in range(3)]
    labels += [f"2014-10-26T{h:02}:00:00+01:00" for h in range(2, 24)]
    rows = [f"{series},{label},1,MW" for series in ("north", "south") for label in labels]
    dataset = read_dataset(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert dataset.load.grid().load_mw.shape == (25, 2)


def test_a_step_other_than_the_hierarchys_is_told_once(write: Write) -> None:
    rows = [
        f"{series},2014-01-01T0{minute // 60}:{minute % 60:02}:00Z,1,MW"
        for series in ("north", "south")
        for minute in range(0, 240, 30)
    ]
    message = told(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert message.count("\n") == 0
    assert "PT30M" in message and "PT1H" in message and "hierarchy.toml" in message


def test_a_mean_cannot_be_known_before_its_interval_is_over(write: Write) -> None:
    load = (
        "series,valid_time,value,unit,available_at\n"
        "north,2014-01-01T00:00:00Z,5,MW,2014-01-01T00:30:00Z\n"
        "south,2014-01-01T00:00:00Z,5,MW,\n"
    )
    assert "line 2: available_at 2014-01-01T00:30:00Z is before" in told(write(load=load))


@pytest.mark.parametrize("stem", ["load", "weather"])
@pytest.mark.parametrize("text", ["", "{header}\n"])
def test_an_empty_file_is_told(write: Write, sound: dict[str, str], stem: str, text: str) -> None:
    header = sound[stem].splitlines()[0]
    message = told(write(**{stem: text.format(header=header)}))
    assert f"{stem}.csv: the file " in message


def test_missing_and_misspelt_columns_are_told(write: Write, sound: dict[str, str]) -> None:
    load = sound["load"].replace("valid_time", "time", 1)
    weather = sound["weather"].replace("value\n", "value,issue_tme\n", 1)
    weather = weather.replace("4.5", "4.5,").replace(",6", ",6,").replace("-1", "-1,")
    message = told(write(load=load, weather=weather))
    assert "load.csv: column 'valid_time' is missing" in message
    assert "weather.csv: column 'issue_tme' is not known; is it 'issue_time'?" in message


def test_several_kinds_are_told_at_once_and_each_a_few_times(write: Write) -> None:
    rows = [f"north,2014-01-01T{h:02}:00:00Z,inf,GW" for h in range(24)]
    message = told(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert message.count("is not finite") == 3 and message.count("'GW'") == 3
    assert "21 more from here on" in message
    assert "node 'south' of the hierarchy has no row" in message


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("lille,2014-01-01T00:00:00Z,temperature_degc,4", "line 5: lille temperature_degc has"),
        ("lille,2014-01-01T01:00:00Z,temperature_f,40", "quantity 'temperature_f' is not known"),
        ("lille,2014-01-01T01:00:00,temperature_degc,4", "has no zone"),
        ("lille,2014-01-01T01:00:00Z,temperature_degc,77", "temperature_degc is 77, outside"),
    ],
)
def test_bad_weather_rows_are_told(
    write: Write, sound: dict[str, str], bad: str, expected: str
) -> None:
    message = told(write(weather=sound["weather"] + bad + "\n"))
    assert "weather.csv, line 5" in message and expected in message


def test_a_station_without_weather_is_told(write: Write) -> None:
    message = told(write(weather=None))
    assert "hierarchy.toml: node 'north' names station 'lille', which has no weather" in message


def test_a_missing_folder_and_missing_files_are_told(tmp_path: Path) -> None:
    assert "there is no such folder" in told(tmp_path / "nowhere")
    message = told(tmp_path)
    assert "hierarchy.toml: the file is missing" in message
    assert "there is no load.parquet or load.csv" in message


def test_two_files_of_one_kind_are_ambiguous(write: Write) -> None:
    folder = write()
    (folder / "load.parquet").write_bytes(b"PAR1")
    assert "as Parquet and as CSV" in told(folder)


def test_a_file_that_is_not_parquet_is_told(write: Write) -> None:
    folder = write(load=None)
    (folder / "load.parquet").write_bytes(b"series,valid_time\n")
    assert "load.parquet: it is not Parquet" in told(folder)


def test_text_that_is_not_utf8_is_told(write: Write) -> None:
    folder = write()
    (folder / "load.csv").write_bytes("série,valid_time\n".encode("latin-1"))
    assert "UTF-8" in told(folder)


def test_a_holidays_file_with_bad_dates_is_told(write: Write, sound: dict[str, str]) -> None:
    folder = write(hierarchy='holidays = "days.csv"\n' + sound["hierarchy"])
    assert "days.csv: the holidays file is not in the folder" in told(folder)
    (folder / "days.csv").write_text("date,name\n2014-01-02,fine\n3/1/2014,not\n")
    assert "days.csv, line 3: '3/1/2014' is not a date" in told(folder)


def test_an_unknown_country_is_told(write: Write, sound: dict[str, str]) -> None:
    message = told(write(hierarchy='country = "XX"\n' + sound["hierarchy"]))
    assert "country 'XX' has no holiday calendar" in message


def test_lines_are_counted_past_those_that_hold_no_row(write: Write, sound: dict[str, str]) -> None:
    bad = "north,2014-01-01T02:00:00Z\n\nnorth,2014-01-01T03:00:00Z,1,GW\n"
    message = told(write(load=sound["load"] + bad))
    assert "line 6: 2 fields" in message and "line 8: unit 'GW'" in message


def test_sparse_times_on_the_grid_are_fine(write: Write) -> None:
    rows = [f"{s},2014-01-0{day}T00:00:00Z,1,MW" for s in ("north", "south") for day in (1, 2, 5)]
    dataset = read_dataset(write(load="\n".join(["series,valid_time,value,unit", *rows]) + "\n"))
    assert np.isfinite(dataset.load.grid().load_mw).sum() == 6


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("series", [1, 2], "column 'series' holds int64"),
        ("valid_time", [T0, T0], "column 'valid_time' holds int64; write times"),
        ("value", [True, False], "column 'value' holds bool"),
    ],
)
def test_columns_of_another_kind_are_told(
    write: Write, name: str, column: list[object], expected: str
) -> None:
    folder = write(load=None)
    (folder / "load.csv").unlink(missing_ok=True)
    columns: dict[str, object] = {
        "series": ["north", "south"],
        "valid_time": pa.array([T0, T0]).cast(pa.timestamp("ns", tz="UTC")),
        "value": [1.0, 2.0],
        "unit": ["MW", "MW"],
    }
    pq.write_table(pa.table(columns | {name: column}), folder / "load.parquet")
    assert expected in told(folder)


def test_nan_in_parquet_is_missing(write: Write) -> None:
    folder = write(load=None)
    (folder / "load.csv").unlink(missing_ok=True)
    columns = {
        "series": ["north", "south"],
        "valid_time": pa.array([T0, T0]).cast(pa.timestamp("us", tz="Europe/Paris")),
        "value": pa.array(np.array([1.0, np.nan])),
        "unit": ["MW", "MW"],
    }
    pq.write_table(pa.table(columns), folder / "load.parquet")
    np.testing.assert_array_equal(read_dataset(folder).load.grid().load_mw, [[1.0, np.nan]])
