"""Compares curated Parquet, read by DuckDB, with the warehouse's table, row for row and value for value.

usage: parquet_equals_warehouse.py WAREHOUSE_URL DATABASE VIEW PARQUET_GLOB KEY,KEY,...
CHAMPION_WAREHOUSE_PASSWORD is the warehouse's password, where it has one.

Prints "equal: N rows" and exits 0, or prints the first differences and exits 1.
"""

import decimal
import json
import os
import sys
import urllib.parse
import urllib.request

import duckdb

MOST_SHOWN = 5


def warehouse_rows(url, database, view, columns, keys):
    selected = ", ".join(f"toString(`{name}`)" for name in columns)
    order = ", ".join(f"`{key}`" for key in keys)
    sql = f"SELECT {selected} FROM {view} ORDER BY {order} FORMAT JSONCompactEachRow"
    options = {
        "database": database,
        "output_format_json_quote_64bit_integers": "0",
    }
    request = urllib.request.Request(f"{url}/?{urllib.parse.urlencode(options)}", data=sql.encode())
    if password := os.environ.get("CHAMPION_WAREHOUSE_PASSWORD"):
        request.add_header("X-ClickHouse-Key", password)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [tuple(json.loads(line)) for line in answer.read().splitlines()]


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        # The warehouse's toString leaves trailing zeros away.
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def parquet_rows(pattern, keys):
    relation = duckdb.sql(f"SELECT * FROM read_parquet('{pattern}', hive_partitioning = false)")
    columns = relation.columns
    order = ", ".join(f'"{key}"' for key in keys)
    rows = duckdb.sql(f"SELECT * FROM read_parquet('{pattern}', hive_partitioning = false) ORDER BY {order}").fetchall()
    return columns, [tuple(text(value) for value in row) for row in rows]


def main():
    url, database, view, pattern, keys = sys.argv[1:]
    keys = keys.split(",")
    columns, expected = parquet_rows(pattern, keys)
    found = warehouse_rows(url, database, view, columns, keys)
    if not expected:
        sys.exit(f"{pattern} holds no row: nothing would be compared")
    differences = [(left, right) for left, right in zip(expected, found) if left != right]
    if len(expected) != len(found) or differences:
        print(f"Parquet has {len(expected)} rows, {view} has {len(found)}; {len(differences)} of the common ones differ")
        for left, right in differences[:MOST_SHOWN]:
            print("Parquet:  ", left)
            print("warehouse:", right)
        sys.exit(1)
    print(f"equal: {len(expected)} rows of {len(columns)} columns")


main()
