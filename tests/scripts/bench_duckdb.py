"""Reads every zip of a folder with DuckDB and writes one Parquet file each: what one would write in a minute.

usage: bench_duckdb.py ZIP_FOLDER OUT_FOLDER; prints one JSON object. DuckDB reads no zip, so Python unpacks it.
"""

import json
import pathlib
import resource
import sys
import tempfile
import time
import zipfile

import duckdb

source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
began = time.perf_counter()
rows = files = 0
connection = duckdb.connect()
with tempfile.TemporaryDirectory() as folder:
    csv = pathlib.Path(folder) / "day.csv"
    for path in sorted(source.rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            csv.write_bytes(archive.read(archive.namelist()[0]))
        out = target / f"{path.name}.parquet"
        copied = connection.execute(f"COPY (SELECT * FROM read_csv('{csv}')) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
        rows += copied.fetchall()[0][0]
        files += 1
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"engine": f"duckdb {duckdb.__version__}", "files": files, "rows": rows, "seconds": seconds, "peak_mib": peak}))
