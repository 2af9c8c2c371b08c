"""Reads the result files of libdmft (HDF5) into numpy arrays.

    import dmft
    run = dmft.load("theory.h5")
    run["C_v"]                    # a series: one number a row
    run.errors["C_v"]             # its standard errors, where the run was sampled
    run.kernels["C_h1"]           # C[t, s], where kernels were stored
    run.arrays["A1_last"]         # weights, representations, spectra, where they were stored
    run.numbers["A1_escape_time1"], run.texts["config"]
    run.plot(["C_v", "A1_outlier1"])

A sweep has axes, numbers of the shape of its grid, and series with the rows last:

    sweep = dmft.load("transfer.h5")
    sweep.axes["training.learning_rate"]
    sweep["test_loss"][1, :, -1]
    sweep["critical_step_size"]   # a number, by its name too

Only numpy and h5py are needed; matplotlib for `plot`, xarray for `to_xarray`, PyYAML for `config`. The files are those of doc/format.md.
"""

from collections import OrderedDict
from collections.abc import Mapping

import h5py
import numpy as np

__all__ = ["load", "Run", "Sweep", "FormatError"]
__version__ = "0.1.0"

FORMAT_VERSION = 1


class FormatError(ValueError):
    """The file is HDF5, but not a result of libdmft, or one of a later version."""


def _text(value):
    """A text attribute as str, whatever h5py made of it."""
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", errors="replace")
    return str(value)


class _Datasets(Mapping):
    """The datasets of a group, in the order in which they were made, read when they are asked for and kept."""

    def __init__(self, path, group, shape=None):
        self._path, self._shape, self._kept = path, shape, {}
        with h5py.File(path, "r") as file:
            self._group = group
            self._names = list(file[group]) if group in file else []

    def __getitem__(self, name):
        if name not in self._names:
            raise KeyError(name)
        if name not in self._kept:
            with h5py.File(self._path, "r") as file:
                value = file[self._group][name][()]
            self._kept[name] = value.reshape(self._shape) if self._shape else value
        return self._kept[name]

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)

    def __repr__(self):
        return "<%s: %s>" % (self._group, ", ".join(self._names) or "none")


class _Result:
    def __init__(self, path, file):
        self.path = path
        self.texts = OrderedDict((name, _text(value)) for name, value in file["texts"].attrs.items()) if "texts" in file else OrderedDict()
        self.kind = self.texts.get("kind", _text(file.attrs.get("kind", "")))
        self.model = self.texts.get("model", "")
        self.shown = [name for name, series in file["series"].items() if series.attrs.get("shown", 0)]

    @property
    def config(self):
        """The configuration with every default, as nested dictionaries (needs PyYAML); the text is texts["config"]."""
        import re

        import yaml

        class Loader(yaml.SafeLoader):
            """Numbers as YAML 1.2 has them: 1e-08 is one, where PyYAML's 1.1 wants 1.0e-08."""

        Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+\Z"), list("-+.0123456789"))
        return yaml.load(self.texts["config"], Loader)  # of plain values alone, as safe_load

    def __getitem__(self, name):
        return self.series[name]

    def __contains__(self, name):
        return name in self.series


class Run(_Result):
    """One run, theory or simulation: `series`, `errors`, `kernels`, `arrays`, `numbers`, `texts`, `shown` (the default columns), `diverged_at`."""

    def __init__(self, path, file):
        super().__init__(path, file)
        self.rows = int(file.attrs["rows"])
        self.diverged_at = int(file.attrs["diverged_at"]) if "diverged_at" in file.attrs else None
        self.numbers = OrderedDict((name, float(value)) for name, value in file["numbers"].attrs.items()) if "numbers" in file else OrderedDict()
        self.series = _Datasets(path, "series")
        self.errors = _Datasets(path, "errors")
        self.kernels = _Datasets(path, "kernels")
        self.arrays = _Datasets(path, "arrays")

    @property
    def time(self):
        """What the rows stand at: the series `time` where there is one, else `step`."""
        return self.series["time" if "time" in self.series else "step"]

    def to_xarray(self):
        """All series along `step` as an xarray.Dataset; errors are named NAME_se."""
        import xarray

        data = {name: ("step", self.series[name]) for name in self.series if name != "step"}
        data.update({name + "_se": ("step", self.errors[name]) for name in self.errors})
        return xarray.Dataset(data, coords={"step": self.series["step"]}, attrs=dict(self.texts))

    def plot(self, series=None, ax=None, **style):
        """Draws series (default: the default columns) against step or time into matplotlib axes, which are returned; points with error bars
        where there are errors of a simulation, lines with bands for sampled theory. A series that is nan throughout is left out."""
        if ax is None:
            import matplotlib.pyplot

            ax = matplotlib.pyplot.figure().gca()
        if isinstance(series, str):
            series = [series]
        for name in series if series is not None else [s for s in self.shown if s not in ("step", "time")]:
            value, error = self.series[name], self.errors.get(name)
            there = np.isfinite(value)
            if not there.any():
                continue
            if error is not None and self.kind == "simulation":
                ax.errorbar(self.time[there], value[there], error[there], fmt=".", label=name, **style)
                continue
            line = ax.plot(self.time, value, label=name, **style)[0]
            if error is not None:
                ax.fill_between(self.time, value - error, value + error, alpha=0.3, color=line.get_color(), linewidth=0)
        ax.set_xlabel("time" if "time" in self.series else "step")
        if ax.get_legend_handles_labels()[1]:
            ax.legend()
        return ax

    def __repr__(self):
        ended = "" if self.diverged_at is None else ", diverged at step %d" % self.diverged_at
        return "<%s of %s, %d rows, %d series%s>" % (self.kind, self.model, self.rows, len(self.series), ended)


class Sweep(_Result):
    """A grid of runs: `axes` (values by key), `series`, `errors` (grid x rows), `numbers` (grid), `status`, `steps`, `diverged_at` (grid), `message`."""

    STATUS = {0: "done", 1: "failed", 2: "refused", 3: "diverged", -1: "missing"}

    def __init__(self, path, file):
        super().__init__(path, file)
        self.axes = OrderedDict()
        for key, values in file["axes"].items():
            values = values[()]
            self.axes[key] = values if values.dtype.kind == "f" else np.array([_text(v) for v in values])
        self.shape = tuple(len(values) for values in self.axes.values())
        self.rows = int(file.attrs["rows"])
        self.status = file["points/status"][()].reshape(self.shape)
        self.steps = file["points/steps"][()].reshape(self.shape)
        self.diverged_at = file["points/diverged_at"][()].reshape(self.shape)
        self.message = np.array([_text(m) for m in file["points/message"][()]], dtype=object).reshape(self.shape)
        self.series = _Datasets(path, "series", self.shape + (self.rows,))
        self.errors = _Datasets(path, "errors", self.shape + (self.rows,))
        self.numbers = _Datasets(path, "numbers", self.shape)

    def __getitem__(self, name):
        return self.series[name] if name in self.series else self.numbers[name]

    def __contains__(self, name):
        return name in self.series or name in self.numbers

    def last(self, name):
        """A series at the last row of every point, nan where a point has none; a number as it is."""
        if name not in self.series:
            return self.numbers[name]
        value = self.series[name]
        at = np.clip(self.steps - 1, 0, None)[..., None]
        return np.where(self.steps > 0, np.take_along_axis(value, at, axis=-1)[..., 0], np.nan)

    def to_xarray(self):
        """All series over the axes and `row` as an xarray.Dataset; errors are named NAME_se, numbers NAME."""
        import xarray

        axes = list(self.axes)
        data = {name: (axes + ["row"], self.series[name]) for name in self.series}
        data.update({name + "_se": (axes + ["row"], self.errors[name]) for name in self.errors})
        data.update({name: (axes, self.numbers[name]) for name in self.numbers})
        return xarray.Dataset(data, coords=dict(self.axes), attrs=dict(self.texts))

    def plot(self, series=None, ax=None, **style):
        """Draws a series at the last row, or a number, over the last axis, a line for each combination of the others."""
        if ax is None:
            import matplotlib.pyplot

            ax = matplotlib.pyplot.figure().gca()
        name = series if series is not None else ("test_loss" if "test_loss" in self.series else self.shown[-1])
        keys, value = list(self.axes), self.last(name)
        for index in np.ndindex(*self.shape[:-1]):
            label = ", ".join("%s = %s" % (key.split(".")[-1], self.axes[key][i]) for key, i in zip(keys, index))
            ax.plot(self.axes[keys[-1]], value[index], label=label or name, **style)
        ax.set_xlabel(keys[-1])
        ax.set_ylabel(name)
        ax.legend()
        return ax

    def __repr__(self):
        axes = ", ".join("%s x %d" % (key, len(values)) for key, values in self.axes.items())
        return "<sweep of %s %s over %s>" % (self.kind, self.model, axes)


def load(path):
    """The result in a file: a Run, or the Sweep of `dmft sweep`. Raises OSError (no such file, no HDF5) or FormatError."""
    path = str(path)
    with h5py.File(path, "r") as file:
        kinds = {"libdmft result": Run, "libdmft sweep": Sweep}
        found = _text(file.attrs.get("format", ""))
        if found not in kinds:
            raise FormatError("%s: not a result of libdmft" % path)
        version = int(file.attrs.get("format_version", 0))
        if version != FORMAT_VERSION:
            raise FormatError("%s: format version %d, this reader knows %d" % (path, version, FORMAT_VERSION))
        return kinds[found](path, file)
