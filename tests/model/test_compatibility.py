"""Which environment can use which host's GPUs: cases from the makers' own pages, each with its source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.data import cuda_table, parse_cuda_table
from tui.model.compatibility import DriverFacts, GpuFacts, Status, Verdict, judge, narrowed
from tui.model.cuda_table import CudaTable, cuda_of_tag, format_driver, format_version, parse_version, tag_of
from tui.model.environments import Environment, EnvironmentKind, Library
from tui.model.errors import EnvtuiError

# Compute capabilities as NVIDIA's pages name them.
MAXWELL = GpuFacts("NVIDIA GeForce GTX 980", "5.2")
KEPLER = GpuFacts("Tesla K40m", "3.5")
PASCAL = GpuFacts("NVIDIA GeForce GTX 1080 Ti", "6.1")
VOLTA = GpuFacts("Tesla V100-SXM2-16GB", "7.0")
TURING = GpuFacts("Tesla T4", "7.5")
A100 = GpuFacts("NVIDIA A100-SXM4-80GB", "8.0")
ADA = GpuFacts("NVIDIA GeForce RTX 4090", "8.9")
H100 = GpuFacts("NVIDIA H100 80GB HBM3", "9.0")
GH200 = GpuFacts("NVIDIA GH200 480GB", "9.0")
B200 = GpuFacts("NVIDIA B200", "10.0")
B300 = GpuFacts("NVIDIA B300", "10.3")
BLACKWELL = GpuFacts("NVIDIA GeForce RTX 5090", "12.0")
SPARK = GpuFacts("NVIDIA GB10", "12.1")
FUTURE = GpuFacts("NVIDIA X", "14.0")

CU11 = (
    Library("nvidia-cudnn-cu11", "8.9.6.50", "pip"),
    Library("nvidia-cuda-runtime-cu11", "11.8.89", "pip"),
)
CU12 = (
    Library("nvidia-cudnn-cu12", "9.10.2.21", "pip"),
    Library("nvidia-cuda-runtime-cu12", "12.8.90", "pip"),
)
CU13 = (Library("nvidia-cudnn-cu13", "9.15.1.9", "pip"), Library("nvidia-cuda-runtime", "13.0.96", "pip"))
RAPIDS = (Library("cuda-cudart", "12.5.82", "conda"), Library("cuda-version", "12.5", "conda"))


class Case(NamedTuple):
    """An environment on a host, what must come of it, and where that is written."""

    name: str
    torch: str | None
    cuda_build: str | None
    driver: str | None
    gpus: tuple[GpuFacts, ...] | None
    status: Status
    source: str
    libraries: tuple[Library, ...] = ()
    remedy: str = ""
    machine: str = "x86_64"


OK, CANNOT_RUN, MIXED = Status.OK, Status.CANNOT_RUN, Status.MIXED
TOO_NEW, TOO_OLD = Status.GPU_TOO_NEW, Status.GPU_TOO_OLD
NO_GPU_BUILD, UNKNOWN = Status.NO_GPU_BUILD, Status.UNKNOWN

CASES = (
    # drivers: minor-version compatibility within a major version
    Case("12.8 on its own driver", "2.9.1+cu128", "12.8", "570.124.06", (H100,), OK, "nv134"),
    Case("12.8 on a 12.4 driver", "2.9.1+cu128", "12.8", "550.54.15", (H100,), OK, "nvminor"),
    Case("12.8 on the oldest 12 driver", "2.9.1+cu128", "12.8", "525.60.13", (A100,), OK, "uv"),
    Case("12.8 just below it", "2.9.1+cu128", "12.8", "525.53", (A100,), CANNOT_RUN, "uv",
         remedy="525.60.13"),
    Case("12.1 on an 11.8 driver", "2.4.1+cu121", "12.1", "520.61.05", (A100,), CANNOT_RUN, "uv",
         remedy="2.4 as cu118"),
    Case("11.8 on an 11.4 driver", "2.7.1+cu118", "11.8", "470.82.01", (VOLTA,), OK, "nvminor"),
    Case("11.8 on the oldest 11 driver", "2.7.1+cu118", "11.8", "450.80.02", (A100,), OK, "nvminor"),
    Case("11.8 on a 10.2 driver", "2.7.1+cu118", "11.8", "440.33", (VOLTA,), CANNOT_RUN, "uv",
         remedy="450.80.02"),
    Case("11.0 is a little less exacting", "1.7.1+cu110", "11.0", "450.36.06", (VOLTA,), OK, "uv"),
    Case("10.2 has no minor compatibility", "1.12.1+cu102", "10.2", "418.39", (VOLTA,), CANNOT_RUN,
         "nv134", remedy="440.33"),
    Case("10.2 on a new driver", "1.12.1+cu102", "10.2", "580.95.05", (VOLTA,), OK, "nv134"),
    Case("9.2 by its toolkit's driver", "1.5.0+cu92", "9.2", "396.26", (VOLTA,), OK, "nv134"),
    Case("13.0 on 580", "2.13.0+cu130", "13.0", "580.65.06", (H100,), OK, "nvminor"),
    Case("13.2 on 580", "2.14.0+cu132", "13.2", "580.95.05", (BLACKWELL,), OK, "nvminor"),
    Case("13.1 has no wheel of its own", "2.12.0", "13.1", "580.95.05", (H100,), OK, "nvminor"),
    Case("13.0 on 575", "2.13.0+cu130", "13.0", "575.57.08", (H100,), CANNOT_RUN, "uv",
         remedy="2.13 as cu126"),
    Case("13.0 on 470", "2.14.1+cu130", "13.0", "470.82.01", (A100,), CANNOT_RUN, "ptrel",
         remedy="2.7 as cu118"),
    Case("a driver newer than the table", "2.9.1+cu128", "12.8", "650.10", (H100,), OK, "nvminor"),
    Case("a CUDA newer than the table", "3.0.0+cu140", "14.0", "650.10", (H100,), UNKNOWN, "nvminor"),
    # GPUs: what the official wheels have code for
    Case("cu126 has nothing for 12.0", "2.9.1+cu126", "12.6", "570.124.06", (BLACKWELL,), TOO_NEW,
         "pt164471", remedy="2.9 as cu128"),
    Case("cu118 has nothing for 10.0", "2.7.1+cu118", "11.8", "570.124.06", (B200,), TOO_NEW, "mlv1348",
         remedy="2.7 as cu128"),
    Case("cu128 has 12.0", "2.7.1+cu128", "12.8", "570.124.06", (BLACKWELL,), OK, "mlv1348"),
    Case("8.6 runs on 8.9", "2.9.1+cu126", "12.6", "560.35.05", (ADA,), OK, "nvblackwell"),
    Case("10.0 runs on 10.3", "2.9.1+cu128", "12.8", "570.124.06", (B300,), OK, "nvblackwell"),
    Case("12.0 runs on 12.1", "2.9.1+cu130", "13.0", "580.95.05", (SPARK,), OK, "nvblackwell"),
    Case("PTX on its own driver", "2.14.0+cu130", "13.0", "580.65.06", (FUTURE,), OK, "nvblackwell"),
    Case("PTX of 13.2 on a 13.0 driver", "2.14.0+cu132", "13.2", "580.95.05", (FUTURE,), CANNOT_RUN,
         "nvminor", remedy="595.45.04"),
    Case("cu130 has nothing for Volta", "2.9.1+cu130", "13.0", "580.95.05", (VOLTA,), TOO_OLD, "ptrel",
         remedy="2.9 as cu128"),
    Case("2.11 cu128 has nothing for Volta", "2.11.0+cu128", "12.8", "570.124.06", (VOLTA,), TOO_OLD,
         "pt175253", remedy="2.11 as cu126"),
    Case("2.10 cu128 still has Volta", "2.10.0+cu128", "12.8", "570.124.06", (VOLTA,), OK, "ptrel"),
    Case("2.8 cu128 has nothing for Pascal", "2.8.0+cu128", "12.8", "570.124.06", (PASCAL,), TOO_OLD,
         "pt158301", remedy="2.8 as cu126"),
    Case("cu126 still has Maxwell", "2.14.0+cu126", "12.6", "580.95.05", (MAXWELL,), OK, "ptrel"),
    Case("cu126 on aarch64 has 9.0", "2.12.0+cu126", "12.6", "580.95.05", (GH200,), OK, "ptrel",
         machine="aarch64"),
    Case("cu126 on aarch64 has no 7.5", "2.12.0+cu126", "12.6", "580.95.05", (TURING,), TOO_OLD, "ptrel",
         machine="aarch64"),
    Case("one of two GPUs", "2.9.1+cu126", "12.6", "570.124.06", (A100, BLACKWELL), OK, "ptrel"),
    # GPUs: what the toolkit of a build without such a list can make
    Case("11.7 is before Hopper", "1.13.1+cu117", "11.7", "550.54.15", (H100,), TOO_NEW, "nvhopper",
         remedy="torch 2.14 as cu126"),
    Case("11.8 is not", "2.1.0", "11.8", "550.54.15", (H100,), OK, "nvhopper"),
    Case("12.1 is before Blackwell", "2.5.1+cu121", "12.1", "590.48.01", (BLACKWELL,), TOO_NEW,
         "nvblackwell"),
    Case("10.2 is before Ampere", "1.12.1+cu102", "10.2", "470.82.01", (A100,), TOO_NEW, "nvampere"),
    Case("8.0 is before Volta", "0.4.0", "8.0", "470.82.01", (VOLTA,), TOO_NEW, "nvvolta"),
    Case("12 is after Kepler", "2.5.1+cu124", "12.4", "550.54.15", (KEPLER,), TOO_OLD, "llvm"),
    Case("13 is after Volta", "2.10.0", "13.0", "580.95.05", (VOLTA,), TOO_OLD, "nv134"),
    Case("a nightly is no release", "2.9.0.dev20250801+cu126", "12.6", "580.95.05", (A100,), OK, "ptrel"),
    # NVIDIA's compatibility package
    Case("NVIDIA's image, data-center GPUs", "2.10.0a0+b4e4ee81d3.nv26.01", "13.1", "550.163.01", (H100,
         H100), OK, "nvsglang"),
    Case("NVIDIA's image, a branch without", "2.10.0a0+b4e4ee81d3.nv26.01", "13.1", "560.35.03", (H100,),
         UNKNOWN, "nvsglang"),
    Case("NVIDIA's image, a GeForce", "2.10.0a0+b4e4ee81d3.nv26.01", "13.1", "550.163.01", (ADA,),
         CANNOT_RUN, "nvminor"),
    Case("NVIDIA's image, GPUs not known", "2.10.0a0+b4e4ee81d3.nv26.01", "13.1", "550.163.01", None,
         UNKNOWN, "nvminor"),
    Case("12.1 by the package on 470", "2.4.1", "12.1", "470.82.01", (TURING,), OK, "nvtriton",
         (Library("cuda-compat", "12.1.1", "conda"),)),
    Case("a package that is too old", "2.4.1", "12.1", "470.82.01", (TURING,), CANNOT_RUN, "uv",
         (Library("cuda-compat", "11.8.0", "conda"),)),
    Case("the package and a dropped GPU", "2.10.0a0+b4e4ee81d3.nv26.01", "13.1", "550.163.01", (VOLTA,),
         TOO_OLD, "nv134"),
    # builds without CUDA, and what is not known
    Case("for processors", "2.9.1+cpu", "cpu", "550.54.15", (H100,), NO_GPU_BUILD, "ptrel",
         remedy="2.9 as cu128"),
    Case("for processors by its local part", "2.9.1+cpu.cxx11.abi", None, None, None, NO_GPU_BUILD, "ptrel"),
    Case("for AMD", "2.9.1+rocm6.4", "rocm6.4", "550.54.15", (H100,), NO_GPU_BUILD, "ptrel"),
    Case("for Intel", "2.9.1+xpu", None, "550.54.15", (H100,), NO_GPU_BUILD, "ptrel"),
    Case("no driver", "2.9.1+cu128", "12.8", None, None, UNKNOWN, "uv"),
    Case("a driver that can't be read", "2.9.1+cu128", "12.8", "new", None, UNKNOWN, "uv"),
    Case("a build that can't be read", "2.9.1", None, "550.54.15", (H100,), UNKNOWN, "ptrel"),
    Case("neither torch nor CUDA", None, None, "550.54.15", (H100,), UNKNOWN, "nvminor"),
    # libraries
    Case("by libraries alone", None, None, "550.54.15", (A100,), OK, "nvminor", RAPIDS),
    Case("by libraries alone, too new", None, None, "470.82.01", (A100,), CANNOT_RUN, "nvminor", RAPIDS),
    Case("cudatoolkit of conda", None, None, "440.33", (VOLTA,), OK, "nv134", (Library("cudatoolkit",
         "10.2.89", "conda"),)),
    Case("by local part where no build is told", "2.9.1+cu128", None, "550.54.15", (H100,), OK, "nvminor"),
    Case("by libraries where no build is told", "2.14.0", None, "575.57.08", (H100,), CANNOT_RUN,
         "nvminor", CU13),
    Case("version.py wins over its name", "2.9.1+cu128", "13.0", "550.54.15", (H100,), CANNOT_RUN, "uv"),
    Case("cudnn of 11 with torch of 12", "2.8.0+cu128", "12.8", "550.54.15", (H100,), MIXED, "nvminor", CU11),
    Case("libraries of 11 and 12", None, None, "550.54.15", (H100,), MIXED, "nvminor", CU11 + CU12),
    Case("libraries of 12 and 13", "2.14.0+cu130", "13.0", "580.95.05", (H100,), MIXED, "nvminor",
         CU12 + CU13),
    Case("mixed is known without a driver", "2.8.0+cu128", "12.8", None, None, MIXED, "nvminor", CU11),
    Case("what stops it comes first", "2.14.0+cu130", "13.0", "550.54.15", (H100,), CANNOT_RUN, "uv",
         CU12 + CU13),
    Case("minor versions may differ", "2.8.0+cu128", "12.8", "550.54.15", (H100,), OK, "nvminor",
         (Library("nvidia_cuda_runtime_cu12", "12.4.127", "pip"),)),
    Case("cufft 12 belongs to CUDA 13", "2.14.0+cu130", "13.0", "580.95.05", (H100,), OK, "nv134",
         (*CU13, Library("nvidia-cufft", "12.0.0.61", "pip"))),
)  # fmt: skip


def environment(
    torch: str | None, cuda_build: str | None, libraries: tuple[Library, ...] = ()
) -> Environment:
    return Environment(
        "c0ffee", "/opt/conda/envs/a", "a", EnvironmentKind.CONDA,
        torch=torch, cuda_build=cuda_build, libraries=libraries,
    )  # fmt: skip


def judged(case: Case) -> Verdict:
    driver = DriverFacts(case.driver, gpus=case.gpus, machine=case.machine)
    return judge(environment(case.torch, case.cuda_build, case.libraries), driver, cuda_table())


@pytest.fixture(scope="module")
def table() -> CudaTable:
    return cuda_table()


class TestCases:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_the_verdict_is_what_the_source_says(self, case: Case) -> None:
        verdict = judged(case)
        assert verdict.status is case.status, verdict.reason
        assert case.remedy in verdict.remedy
        assert verdict.reason

    def test_there_are_enough_and_each_verdict_is_among_them(self) -> None:
        assert len(CASES) >= 30
        assert {case.status for case in CASES} == set(Status)
        assert len({case.name for case in CASES}) == len(CASES)

    def test_each_source_is_in_the_table(self, table: CudaTable) -> None:
        assert {case.source for case in CASES} <= set(table.sources)

    def test_each_verdict_names_sources_of_the_table(self, table: CudaTable) -> None:
        for case in CASES:
            assert set(judged(case).sources) <= set(table.sources)

    def test_a_verdict_that_stops_says_which_source(self) -> None:
        stopping = [judged(case) for case in CASES if case.status in (CANNOT_RUN, TOO_NEW, TOO_OLD)]
        assert all(verdict.sources for verdict in stopping)

    def test_no_driver_at_all_is_unknown(self, table: CudaTable) -> None:
        verdict = judge(environment("2.9.1+cu128", "12.8"), None, table)
        assert verdict.status is UNKNOWN and "needs driver 525.60.13 or newer" in verdict.reason

    def test_a_driver_that_can_not_run_it_is_named_with_what_would(self, table: CudaTable) -> None:
        verdict = judge(environment("2.14.0+cu130", "13.0"), DriverFacts("550.54.15", gpus=(H100,)), table)
        assert (
            verdict.reason
            == "torch 2.14.0+cu130 (CUDA 13.0) needs driver 580 or newer, this host has 550.54.15"
        )
        assert verdict.remedy == "Driver 580 or newer, or torch 2.14 as cu126"

    def test_the_gpus_that_it_has_no_code_for_are_named(self, table: CudaTable) -> None:
        driver = DriverFacts("570.124.06", gpus=(A100, BLACKWELL, BLACKWELL))
        verdict = judge(environment("2.9.1+cu126", "12.6"), driver, table)
        assert verdict.status is OK and verdict.reason.count("RTX 5090 (compute capability 12.0)") == 1
        assert judge(environment("2.9.1+cu126", "12.6"), narrowed(driver, [1]), table).status is TOO_NEW
        assert judge(environment("2.9.1+cu126", "12.6"), narrowed(driver, [0]), table).status is OK

    def test_what_is_older_than_a_gpu_may_still_have_ptx(self, table: CudaTable) -> None:
        verdict = judge(environment("1.13.1", "11.7"), DriverFacts("550.54.15", gpus=(H100,)), table)
        assert verdict.status is TOO_NEW and "is older than NVIDIA H100 80GB HBM3" in verdict.reason
        assert "at best it has PTX" in verdict.reason
        listed = judge(
            environment("2.9.1+cu126", "12.6"), DriverFacts("570.124.06", gpus=(BLACKWELL,)), table
        )
        assert listed.status is TOO_NEW and "PTX" not in listed.reason

    def test_minor_version_compatibility_is_told(self, table: CudaTable) -> None:
        verdict = judge(environment("2.9.1+cu128", "12.8"), DriverFacts("550.54.15"), table)
        assert "which brings CUDA 12.4: by minor-version compatibility" in verdict.reason
        assert "compute capability is not known" in verdict.reason

    @pytest.mark.parametrize(
        "name", ["cupy-cuda11x", "jax-cuda11-plugin", "nvidia-cublas-cu117", "nvidia_nccl_cu11"]
    )
    def test_packages_that_name_their_cuda(self, table: CudaTable, name: str) -> None:
        mixed = environment("2.9.1+cu128", "12.8", (Library(name, "1.2.3", "pip"),))
        assert judge(mixed, None, table).status is MIXED


BUILDS = st.sampled_from([(case.torch, case.cuda_build, case.libraries) for case in CASES])
GPUS = st.lists(
    st.sampled_from([KEPLER, PASCAL, VOLTA, A100, ADA, H100, B200, BLACKWELL, FUTURE]), max_size=3
)
DRIVERS = st.tuples(st.integers(380, 640), st.integers(0, 200), st.integers(0, 20))


class TestProperties:
    @given(build=BUILDS, gpus=GPUS, drivers=st.lists(DRIVERS, min_size=2, max_size=2))
    def test_a_newer_driver_never_makes_it_worse(
        self,
        build: tuple[str | None, str | None, tuple[Library, ...]],
        gpus: list[GpuFacts],
        drivers: list[tuple[int, int, int]],
    ) -> None:
        older, newer = sorted(drivers)
        before, after = (
            judge(
                environment(*build), DriverFacts(format_driver(each), gpus=tuple(gpus)), cuda_table()
            ).status
            for each in (older, newer)
        )
        if before is not CANNOT_RUN:
            assert after is not CANNOT_RUN

    @given(build=BUILDS, gpus=GPUS, driver=DRIVERS)
    def test_a_build_that_is_suggested_runs(
        self,
        build: tuple[str | None, str | None, tuple[Library, ...]],
        gpus: list[GpuFacts],
        driver: tuple[int, int, int],
    ) -> None:
        facts = DriverFacts(format_driver(driver), gpus=tuple(gpus))
        remedy = judge(environment(*build), facts, cuda_table()).remedy
        _, found, suggested = remedy.rpartition("torch ")
        if found:
            release, _, tag = suggested.partition(" as ")
            cuda = cuda_of_tag(tag)
            assert cuda is not None
            said = environment(f"{release}.0+{tag}", format_version(cuda))
            assert judge(said, facts, cuda_table()).status is OK

    @given(
        torch=st.text(max_size=30),
        cuda=st.text(max_size=12),
        driver=st.text(max_size=12),
        name=st.text(max_size=30),
    )
    def test_whatever_is_written_there_is_a_verdict(
        self, torch: str, cuda: str, driver: str, name: str
    ) -> None:
        libraries = (Library(name, torch, "pip"), Library("cuda-compat", cuda, "conda"))
        gpus = (GpuFacts(name, cuda), GpuFacts("", None))
        for each in (environment(torch, cuda, libraries), environment(None, None, libraries)):
            assert judge(each, DriverFacts(driver, cuda, gpus), cuda_table()).reason

    @given(major=st.integers(9, 20), minor=st.integers(0, 9))
    def test_a_tag_is_read_as_it_is_written(self, major: int, minor: int) -> None:
        assert cuda_of_tag(tag_of((major, minor))) == (major, minor)


class TestTable:
    def test_every_source_is_used(self, table: CudaTable) -> None:
        entries: tuple[Any, ...] = (
            *table.branches, *table.toolkits, *table.major_minimums, *table.wheel_minimums, *table.forward,
            *table.first_toolkits, *table.dropped, *table.releases, *table.compiled,
        )  # fmt: skip
        named = {source for entry in entries for source in entry.sources}
        # what the release plan said before, and the cards that NVIDIA calls data-center GPUs
        assert set(table.sources) - named <= {"pt190355", "nvpt1903"}

    def test_bundled_drivers_bring_the_cuda_that_they_come_with(self, table: CudaTable) -> None:
        for toolkit in table.toolkits:
            newest = table.newest_cuda(toolkit.driver)
            if toolkit.driver[0] >= 384:
                assert newest == toolkit.cuda[:2]

    def test_each_build_of_a_release_has_a_known_driver(self, table: CudaTable) -> None:
        for release in table.releases:
            for tag in (*release.stable, *release.experimental):
                cuda = cuda_of_tag(tag)
                assert cuda is not None and table.minimum(cuda) is not None

    def test_minimums_grow_with_cuda(self, table: CudaTable) -> None:
        known = sorted({toolkit.cuda[:2] for toolkit in table.toolkits if toolkit.cuda >= (8, 0)})
        minimums = [minimum.driver for cuda in known if (minimum := table.minimum(cuda)) is not None]
        assert minimums == sorted(minimums) and len(minimums) == len(known)

    @pytest.mark.parametrize("text", ["", "12.", ".1", "1..2", "12.8 ", "٣.1", "1.2.3.4.5.6", "9" * 9])
    def test_what_is_no_version(self, text: str) -> None:
        assert parse_version(text) is None

    def test_it_is_read_once(self, table: CudaTable) -> None:
        assert cuda_table() is table and replace(table) == table


GOOD = """
version: 1
sources: {a: {kind: primary, url: "https://a"}}
driver_branch_max_cuda: [{branch: 550, max_cuda: "12.4", source: a}]
cuda_toolkits: [{cuda: "12.4", driver: "550.54.14", source: [a]}]
minor_version_compatibility: [{cuda_major: 12, min_driver: "525", source: a}]
forward_compatibility: []
data_center_gpus: [{models: [H100], source: a}]
first_toolkits: [{sm: "9.0", cuda: "11.8", source: a}]
toolkit_dropped_archs: []
wheel_min_driver: [{tags: [cu124], min_driver: "525.60.13", source: a}]
pytorch: [{release: "2.6", stable: ["12.4"], experimental: [], source: a}]
pytorch_archs: [{releases: ["2.6"], build: cu124, platform: x86_64, sm: ["9.0", "5.0"], ptx: true, source: a}]
"""


class TestMistakesInTheTable:
    def test_a_small_table_is_read(self) -> None:
        small = parse_cuda_table(GOOD)
        assert small.compiled[0].capabilities == ((5, 0), (9, 0)) and small.compiled[0].has_ptx
        assert small.releases[0].stable == ("cu124",)

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("version: 1", "version: 2", "cuda_compat.yml: version: expected 1"),
            ("version: 1", "version: true", "cuda_compat.yml: version: expected a number"),
            ("kind: primary", "kind: hearsay", "sources.a: kind: expected primary or secondary"),
            ("branch: 550", "branch: new", "driver_branch_max_cuda[0]: branch: expected a number"),
            ('max_cuda: "12.4"', "max_cuda: 12.4", "driver_branch_max_cuda[0]: max_cuda: expected a text"),
            ('"12.4", driver', '"twelve", driver', "cuda_toolkits[0]: cuda: expected versions such as"),
            ("source: [a]", "source: [a, b]", "cuda_toolkits[0]: source: no such source: b"),
            ("source: [a]", "source: []", "cuda_toolkits[0]: source: no such source: none named"),
            ("tags: [cu124]", "tags: [124]", "wheel_min_driver[0]: tags: expected texts"),
            ("tags: [cu124]", "tags: [cuda]", "wheel_min_driver[0]: tags: expected tags such as cu128"),
            ("forward_compatibility: []", "forward_compatibility: [1]", "ility[0]: expected a mapping"),
            ("first_toolkits:", "first:", "first_toolkits: it is missing"),
            ("platform: x86_64", "platform: vax", "pytorch_archs[0]: platform: expected x86_64 or aarch64"),
            ("ptx: true", "ptx: maybe", "pytorch_archs[0]: ptx: expected true or false"),
            ("version: 1", "version: [", "not valid YAML"),
        ],
    )  # fmt: skip
    def test_the_entry_is_named(self, before: str, after: str, said: str) -> None:
        with pytest.raises(EnvtuiError) as caught:
            parse_cuda_table(GOOD.replace(before, after, 1))
        line = caught.value.one_line()
        assert said in line and "\n" not in line

    @pytest.mark.parametrize("text", ["", "- a\n", "text"])
    def test_a_file_that_is_no_mapping(self, text: str) -> None:
        with pytest.raises(EnvtuiError, match=r"cuda_compat\.yml"):
            parse_cuda_table(text)
