#!/usr/bin/env python3
"""python/dmft.py reads every result file in a folder, and the values are those that `dmft show` prints.

usage: test_python.py PATH/TO/dmft FILE.h5 ...; prints "ok" and "not ok" lines, exits 1 when one is not ok.
"""

import csv
import io
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

import numpy as np  # noqa: E402

import dmft  # noqa: E402

program, files = os.path.abspath(sys.argv[1]), sys.argv[2:]
totals = {True: 0, False: 0}


def holds(name, condition):
    totals[bool(condition)] += 1
    print(("ok - " if condition else "not ok - ") + name)


def show(path, *arguments):
    return subprocess.run([program, "show", path, *arguments], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def table(path, *arguments):
    """The columns of `dmft show --csv` by name, as text."""
    rows = list(csv.reader(io.StringIO(show(path, "--csv", *arguments))))
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}


def same(printed, value):
    """Twelve digits are printed; nan is nan on both sides."""
    printed, value = np.array(printed, dtype=float), np.asarray(value, dtype=float)
    return printed.shape == value.shape and np.allclose(printed, value, rtol=1e-11, atol=0, equal_nan=True)


def refuses(action, *kinds):
    try:
        action()
    except kinds:
        return True
    return False


def errors_of(run, name):
    """As they are printed: 0 for what is exact, none where there is no value."""
    value = run.series[name]
    return np.where(np.isnan(value), np.nan, run.errors[name] if name in run.errors else 0.0)


def matrices_agree(path, names, read, option):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            target = os.path.join(folder, "matrix.npy")
            show(path, option, name, "--npy", target, "--force")
            if not np.array_equal(np.load(target), read[name]):
                return False
    return True


def check_run(path, run):
    """Every series with its errors, every kernel and matrix, what stands beside them."""
    names = list(run.series)
    printed = table(path, "--errors", "--series", ",".join(names))
    holds("%s: %d series" % (path, len(names)), len(names) > 1 and all(same(printed[name], run[name]) for name in names))
    exact = {"step", "time"}
    holds("%s: errors of %d series" % (path, len(run.errors)),
          all(same(printed[name + "_se"], errors_of(run, name)) for name in names if name not in exact))
    holds("%s: networks have errors" % path, run.kind != "simulation" or len(run.errors) > 0)
    holds("%s: the default columns" % path, list(table(path)) == run.shown)
    holds("%s: %d kernels" % (path, len(run.kernels)), matrices_agree(path, run.kernels, run.kernels, "--kernel"))
    two = [name for name in run.arrays if run.arrays[name].ndim == 2]
    holds("%s: %d arrays, %d of two dimensions" % (path, len(run.arrays), len(two)), matrices_agree(path, two, run.arrays, "--matrix"))
    holds("%s: arrays of three dimensions are finite" % path, all(np.isfinite(run.arrays[name]).all() for name in run.arrays if name not in two))

    import json

    facts = json.loads(show(path, "--json"))
    holds("%s: %d numbers" % (path, len(run.numbers)),
          list(facts["numbers"]) == list(run.numbers)
          and all(same([np.nan if facts["numbers"][n] is None else facts["numbers"][n]], [run.numbers[n]]) for n in run.numbers if np.isfinite(run.numbers[n])))
    holds("%s: %d texts" % (path, len(run.texts)), facts["texts"] == dict(run.texts))
    holds("%s: kind, model, divergence" % path, (facts["kind"], facts["model"], facts["diverged_at"]) == (run.kind, run.model, run.diverged_at))
    holds("%s: time" % path, len(run.time) == run.rows == len(printed["step"]))


def check_sweep(path, sweep):
    """Every series at the last row of each point and at step 1, the axes, outcomes."""
    printed = table(path, "--errors", "--series", ",".join(sweep.series))
    at_one = table(path, "--step", "1", "--series", ",".join(sweep.series))
    points = int(np.prod(sweep.shape))
    holds("%s: %d series" % (path, len(sweep.series)),
          len(sweep.series) > 1 and all(same(printed[name], sweep.last(name).ravel()) for name in sweep.series))
    holds("%s: at step 1" % path, all(same(at_one[name], sweep[name][..., 1].ravel()) for name in sweep.series))
    at = np.clip(sweep.steps - 1, 0, None)[..., None]
    last_errors = {name: np.take_along_axis(sweep.errors[name], at, axis=-1).ravel() for name in sweep.errors}
    holds("%s: errors of %d series" % (path, len(sweep.errors)),
          all(same(printed[name + "_se"], np.where(np.isnan(sweep.last(name).ravel()), np.nan, last_errors[name])) for name in last_errors))
    grid = np.meshgrid(*sweep.axes.values(), indexing="ij")
    holds("%s: axes" % path, all(same(printed[key], values.ravel()) for key, values in zip(sweep.axes, grid)))
    holds("%s: outcomes" % path, same(printed["status"], sweep.status.ravel()) and points == len(printed["status"]))
    holds("%s: diverged points" % path, (sweep.status == 3).any() and same(printed["diverged_at"], np.where(sweep.diverged_at < 0, np.nan, sweep.diverged_at).ravel()))
    holds("%s: messages" % path, sweep.message.shape == sweep.shape)


seen = {"kernels": 0, "weights": 0, "representations": 0, "errors": 0, "sweep": 0}
for path in files:
    result = dmft.load(path)
    holds("%s: %r" % (path, result), isinstance(result, (dmft.Run, dmft.Sweep)))
    if isinstance(result, dmft.Sweep):
        seen["sweep"] += 1
        check_sweep(path, result)
        continue
    seen["kernels"] += len(result.kernels)
    seen["errors"] += len(result.errors)
    seen["weights"] += "A1_last" in result.arrays
    seen["representations"] += "D1" in result.arrays
    check_run(path, result)
for what, count in seen.items():
    holds("there was something of each kind: %s" % what, count > 0)

by_name = {os.path.basename(path): dmft.load(path) for path in files}
swept = by_name["sweep-theory.h5"]
number = list(swept.numbers)[0]
holds("a number of a sweep by its name", number in swept and swept[number].shape == swept.shape and np.array_equal(swept.last(number), swept[number], equal_nan=True))
holds("no series or number of a sweep", refuses(lambda: swept["nonsense"], KeyError) and "nonsense" not in swept)
holds("a byte of the command line that is no UTF-8", "r\\xe9.yaml" in by_name["foreign.h5"].texts["command_line"])
try:
    import yaml  # noqa: F401
except ImportError:
    print("ok - numbers of the configuration # skip no yaml (package python3-yaml)")
else:
    config = by_name["deep_linear-theory.h5"].config
    holds("numbers of the configuration", config["tolerance"] == 1e-11 and config["network"]["depth"] == 2 and config["model"] == "deep_linear")
try:
    import matplotlib
except ImportError:
    print("ok - a series that is nan throughout # skip no matplotlib (package python3-matplotlib)")
else:
    import warnings

    matplotlib.use("Agg")
    networks = by_name["deep_linear-networks.h5"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = networks.plot().get_legend_handles_labels()[1]
        holds("a series that is nan throughout is not drawn",
              drawn == [name for name in networks.shown if name != "step" and np.isfinite(networks[name]).any()] and len(drawn) < len(networks.shown) - 1)
        holds("a number of a sweep is drawn", len(swept.plot(number).lines) == swept.shape[0])

holds("a file that is not there", refuses(lambda: dmft.load("absent.h5"), OSError))
with tempfile.TemporaryDirectory() as folder:
    other = os.path.join(folder, "other.h5")
    import h5py

    with h5py.File(other, "w") as file:
        file["x"] = [1.0]
    holds("another program's file", refuses(lambda: dmft.load(other), dmft.FormatError))
    with h5py.File(other, "a") as file:
        file.attrs["format"], file.attrs["format_version"] = "libdmft result", 99
    holds("a later version", refuses(lambda: dmft.load(other), dmft.FormatError))
    import json
    import shutil

    old = os.path.join(folder, "old.h5")
    shutil.copy(files[0], old)
    with h5py.File(old, "a") as file:
        file["texts"].attrs["command_line"] = np.bytes_(b"r\xe9.yaml")
    holds("a text that is no UTF-8", dmft.load(old).texts["command_line"] == "r\ufffd.yaml")
    holds("and in JSON", json.loads(show(old, "--json"))["texts"]["command_line"] == "r\\xe9.yaml")
holds("a series that is not there", refuses(lambda: dmft.load(files[0])["nonsense"], KeyError))

print("%d passed, %d failed" % (totals[True], totals[False]))
sys.exit(totals[False] > 0)
