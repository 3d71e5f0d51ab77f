"""Reads every zip of a folder with Polars and writes one Parquet file each: what one would write in a minute.

usage: bench_polars.py ZIP_FOLDER OUT_FOLDER; prints one JSON object.
"""

import io
import json
import pathlib
import resource
import sys
import time
import zipfile

import polars as pl

source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
began = time.perf_counter()
rows = files = 0
for path in sorted(source.rglob("*.zip")):
    with zipfile.ZipFile(path) as archive:
        body = archive.read(archive.namelist()[0])
    frame = pl.read_csv(io.BytesIO(body), infer_schema_length=10_000)
    frame.write_parquet(target / f"{path.name}.parquet", compression="zstd")
    rows += frame.height
    files += 1
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"engine": f"polars {pl.__version__}", "files": files, "rows": rows, "seconds": seconds, "peak_mib": peak}))
