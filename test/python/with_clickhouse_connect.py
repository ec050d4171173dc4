"""clickhouse-connect, unchanged, against `tidegate store`."""
import datetime
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

from checks import check, raises, report


@check
def ping_and_version(client):
    """the server is there and says what it is"""
    assert client.ping()
    assert client.server_version.startswith("26.")
    assert client.command("SELECT 1") == 1


@check
def types(client):
    """values of every common type come back as Python has them"""
    query = """SELECT toUInt64(18446744073709551615), toInt8(-5), 1.5, 'grüße', [1, 2], map('k', 'v'), NULL,
        toDate('2026-01-02'), toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC'), toLowCardinality('low'), true"""
    (row,) = client.query(query).result_rows
    assert row[:7] == (18446744073709551615, -5, 1.5, "grüße", [1, 2], {"k": "v"}, None), row
    assert row[7] == datetime.date(2026, 1, 2)
    assert row[8].replace(tzinfo=None) == datetime.datetime(2026, 1, 2, 3, 4, 5, 678000), row[8]
    assert row[9:] == ("low", True)


@check
def parameters(client):
    """parameters are bound by the server"""
    result = client.query("SELECT {n:UInt32} + 1, {s:String}", parameters={"n": 41, "s": "it's"})
    assert result.result_rows == [(42, "it's")]


@check
def settings(client):
    """a setting holds for its query and for no other"""
    query = "SELECT getSetting('max_threads')"
    before = client.query(query).result_rows
    changed = client.query(query, settings={"max_threads": 7}).result_rows
    assert str(changed[0][0]) == "7", changed
    assert client.query(query).result_rows == before


@check
def insert(client):
    """rows are inserted as Native blocks, in many types, and read again"""
    client.command("CREATE TABLE t (a UInt32, b String, c Array(Float64), d Nullable(Int8), e LowCardinality(String)) ENGINE = MergeTree ORDER BY a")
    rows = [[i, f"row {i}", [i / 2, -i], None if i % 2 else i % 100, f"e{i % 3}"] for i in range(5000)]
    client.insert("t", rows, column_names=["a", "b", "c", "d", "e"])
    read = client.query("SELECT * FROM t ORDER BY a").result_rows
    assert [list(row) for row in read] == rows
    summary = client.insert("t", [[9000, "last", [], 1, ""]], column_names=["a", "b", "c", "d", "e"])
    assert client.command("SELECT count() FROM t") == 5001, summary


@check
def raw_insert(client):
    """text is inserted as it is"""
    client.command("CREATE TABLE raw (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("raw", insert_block="1,one\n2,two\n", fmt="CSV")
    assert client.query("SELECT * FROM raw ORDER BY a").result_rows == [(1, "one"), (2, "two")]


@check
def stream(client):
    """a large answer comes block by block"""
    rows = 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(500000)") as blocks:
        for block in blocks:
            rows += len(block)
    assert rows == 500000


@check
def errors(client):
    """errors have their codes"""
    raises(DatabaseError, "60", lambda: client.query("SELECT * FROM missing"))
    raises(DatabaseError, "62", lambda: client.command("SELEC 1"))


@check
def sessions(client):
    """temporary tables last as long as their session"""
    with clickhouse_connect.get_client(host=HOST, port=PORT, session_id="one") as mine:
        mine.command("CREATE TEMPORARY TABLE kept (a UInt8)")
        mine.insert("kept", [[3]], column_names=["a"])
        assert mine.query("SELECT a FROM kept").result_rows == [(3,)]
    raises(DatabaseError, "kept", lambda: client.query("SELECT a FROM kept"))


@check
def compressions(client):
    """each way of compressing that the client knows"""
    for method in ["lz4", "zstd", "gzip", "br", False]:
        with clickhouse_connect.get_client(host=HOST, port=PORT, compress=method) as other:
            other.command(f"CREATE TABLE compressed_{method} (a UInt32) ENGINE = MergeTree ORDER BY a")
            other.insert(f"compressed_{method}", [[i] for i in range(100000)], column_names=["a"])
            assert other.command(f"SELECT sum(a) FROM compressed_{method}") == 4999950000, method
            assert len(other.query(f"SELECT a FROM compressed_{method}").result_rows) == 100000, method


HOST, PORT = sys.argv[1].split(":")
PORT = int(PORT)
with clickhouse_connect.get_client(host=HOST, port=PORT) as shared:
    report(lambda function: function(shared))
