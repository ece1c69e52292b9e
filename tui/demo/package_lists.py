"""What lies in the make-believe environments: lists of packages, put together from groups."""

from __future__ import annotations

from collections.abc import Iterator

from tui.model.environments import Package

_CONDA, _PIP = "conda", "pip"
# The first word of a line in a group of pip packages that somebody asked for.
_REQUESTED = "*"

# A group of conda packages begins with its channel; a line is name, version, build and KiB of its archive.
# Of pip's, a line is name and version, and where it came from unless that is the index.
_GROUPS = {
    "conda python 3.11": """
        conda-forge
        _libgcc_mutex 0.1 conda_forge 3
        _openmp_mutex 4.5 2_gnu 23
        bzip2 1.0.8 h4bc722e_7 246
        ca-certificates 2025.1.31 hbcca054_0 155
        ld_impl_linux-64 2.43 h712a8e2_4 655
        libexpat 2.6.4 h5888daf_0 72
        libffi 3.4.6 h2dba641_0 52
        libgcc 14.2.0 h77fa898_1 829
        libgomp 14.2.0 h77fa898_1 450
        liblzma 5.6.4 hb9d3cd8_0 109
        libsqlite 3.48.0 hee588c1_1 839
        libstdcxx 14.2.0 hc0a3c3a_1 3804
        libuuid 2.38.1 h0b41bf4_0 33
        libzlib 1.3.1 hb9d3cd8_2 60
        ncurses 6.5 h2d0b736_3 870
        openssl 3.4.1 h7b32b05_0 2872
        * pip 25.0.1 pyh8b19718_0 1222
        * python 3.11.11 h9e4cc4f_1_cpython 29881
        readline 8.2 h8228510_1 275
        setuptools 75.8.0 pyhff2d567_0 757
        tk 8.6.13 noxft_h4845f30_101 3243
        tzdata 2025a h78e105d_0 119
        wheel 0.45.1 pyhd8ed1ab_1 61
        zstd 1.5.6 ha6fb4c9_0 542
    """,
    "conda python 3.10": """
        defaults
        _libgcc_mutex 0.1 main 3
        _openmp_mutex 5.1 1_gnu 21
        bzip2 1.0.8 h5eee18b_6 262
        ca-certificates 2024.7.2 h06a4308_0 127
        ld_impl_linux-64 2.38 h1181459_1 654
        libffi 3.4.4 h6a678d5_1 141
        libgcc-ng 11.2.0 h1234567_1 5430
        libgomp 11.2.0 h1234567_1 474
        libstdcxx-ng 11.2.0 h1234567_1 4813
        libuuid 1.41.5 h5eee18b_0 27
        ncurses 6.4 h6a678d5_0 914
        openssl 3.0.14 h5eee18b_0 5325
        * pip 24.2 py310h06a4308_0 2456
        * python 3.10.14 h955ad1f_1 27443
        readline 8.2 h5eee18b_0 357
        setuptools 72.1.0 py310h06a4308_0 1843
        sqlite 3.45.3 h5eee18b_0 1229
        tk 8.6.14 h39e8969_0 3430
        tzdata 2024a h04d1e81_0 116
        wheel 0.43.0 py310h06a4308_0 110
        xz 5.4.6 h5eee18b_1 643
        zlib 1.2.13 h5eee18b_1 114
    """,
    "conda python 3.12": """
        conda-forge
        _libgcc_mutex 0.1 conda_forge 3
        _openmp_mutex 4.5 2_gnu 23
        bzip2 1.0.8 h4bc722e_7 246
        ca-certificates 2025.1.31 hbcca054_0 155
        ld_impl_linux-64 2.43 h712a8e2_4 655
        libexpat 2.6.4 h5888daf_0 72
        libffi 3.4.6 h2dba641_0 52
        libgcc 14.2.0 h767d61c_2 828
        libgomp 14.2.0 h767d61c_2 449
        liblzma 5.6.4 hb9d3cd8_0 109
        libnsl 2.0.1 hd590300_0 33
        libsqlite 3.49.1 hee588c1_2 898
        libstdcxx 14.2.0 h8f9b012_2 3789
        libuuid 2.38.1 h0b41bf4_0 33
        libzlib 1.3.1 hb9d3cd8_2 60
        ncurses 6.5 h2d0b736_3 870
        openssl 3.4.1 h7b32b05_0 2872
        * pip 25.0.1 pyh8b19718_0 1222
        * python 3.12.9 h9e4cc4f_1_cpython 30763
        readline 8.2 h8c095d6_2 276
        setuptools 75.8.2 pyhff2d567_0 761
        tk 8.6.13 noxft_h4845f30_101 3243
        tzdata 2025a h78e105d_0 119
    """,
    "conda python 3.13t": """
        conda-forge
        _libgcc_mutex 0.1 conda_forge 3
        _openmp_mutex 4.5 2_gnu 23
        bzip2 1.0.8 h4bc722e_7 246
        ca-certificates 2025.1.31 hbcca054_0 155
        libexpat 2.6.4 h5888daf_0 72
        libffi 3.4.6 h2dba641_0 52
        libgcc 14.2.0 h767d61c_2 828
        liblzma 5.6.4 hb9d3cd8_0 109
        libmpdec 4.0.0 h4bc722e_0 88
        libsqlite 3.49.1 hee588c1_2 898
        libzlib 1.3.1 hb9d3cd8_2 60
        ncurses 6.5 h2d0b736_3 870
        openssl 3.4.1 h7b32b05_0 2872
        * python-freethreading 3.13.2 h92d6c8b_1 46
        python 3.13.2 h4724d56_1_cp313t 41123
        python_abi 3.13 5_cp313t 6
        readline 8.2 h8c095d6_2 276
        tk 8.6.13 noxft_h4845f30_101 3243
        tzdata 2025a h78e105d_0 119
    """,
    "conda itself": """
        conda-forge
        archspec 0.2.5 pyhd8ed1ab_0 49
        boltons 24.0.0 pyhd8ed1ab_1 291
        brotli-python 1.1.0 py311hfdbb021_2 342
        certifi 2025.1.31 pyhd8ed1ab_0 160
        cffi 1.17.1 py311hf29c0ef_0 295
        charset-normalizer 3.4.1 pyhd8ed1ab_0 46
        * conda 25.1.1 py311h38be061_1 1148
        conda-libmamba-solver 25.1.1 pyhd8ed1ab_0 41
        conda-package-handling 2.4.0 pyh7900ff3_2 251
        conda-package-streaming 0.11.0 pyhd8ed1ab_1 20
        distro 1.9.0 pyhd8ed1ab_1 41
        fmt 11.0.2 h434a139_0 183
        frozendict 2.4.6 py311h9ecbd09_0 53
        idna 3.10 pyhd8ed1ab_1 49
        jsonpatch 1.33 pyhd8ed1ab_1 17
        jsonpointer 3.0.0 py311h38be061_1 17
        krb5 1.21.3 h659f571_0 1338
        libarchive 3.7.7 hadbb8c3_0 844
        libcurl 8.11.1 h332b0f4_0 413
        libmamba 2.0.5 h49b8a8d_1 2013
        libmambapy 2.0.5 py311h5b0a7ab_1 672
        libsolv 0.7.30 h3509ff9_0 460
        libxml2 2.13.5 h8d12d68_1 675
        * mamba 2.0.5 h26cdf5b_1 402
        menuinst 2.2.0 py311h38be061_0 170
        packaging 24.2 pyhd8ed1ab_2 59
        platformdirs 4.3.6 pyhd8ed1ab_1 20
        pluggy 1.5.0 pyhd8ed1ab_1 23
        pycosat 0.6.6 py311h9ecbd09_2 85
        pycparser 2.22 pyh29332c3_1 107
        pysocks 1.7.1 pyha55dd90_7 20
        reproc-cpp 14.2.5.post0 h5888daf_0 25
        requests 2.32.3 pyhd8ed1ab_1 57
        ruamel.yaml 0.18.10 py311h9ecbd09_0 269
        simdjson 3.11.3 h84d6215_0 253
        tqdm 4.67.1 pyhd8ed1ab_1 88
        truststore 0.10.0 pyhd8ed1ab_0 22
        urllib3 2.3.0 pyhd8ed1ab_0 98
        yaml-cpp 0.8.0 h59595ed_0 200
        zstandard 0.23.0 py311hbc35293_1 410
    """,
    "conda science": """
        conda-forge
        libblas 3.9.0 31_h59b9bed_openblas 17
        libcblas 3.9.0 31_he106b2a_openblas 17
        libgfortran5 14.2.0 hf1ad2bd_2 1425
        liblapack 3.9.0 31_h7ac8fdf_openblas 17
        libopenblas 0.3.29 pthreads_h94d23a6_0 5783
        joblib 1.4.2 pyhd8ed1ab_1 215
        * matplotlib-base 3.10.1 py312hd3ec401_0 8016
        * numpy 2.2.3 py312h72c5963_0 8212
        * pandas 2.2.3 py312hf9745cd_1 14923
        python-dateutil 2.9.0.post0 pyhff2d567_1 217
        pytz 2024.1 pyhd8ed1ab_0 184
        * scikit-learn 1.6.1 py312h7a48858_0 10391
        * scipy 1.15.2 py312ha707e6e_0 16693
        six 1.17.0 pyhd8ed1ab_0 16
        threadpoolctl 3.5.0 pyhc1e730c_0 23
    """,
    "conda jupyter": """
        conda-forge
        anyio 4.8.0 pyhd8ed1ab_0 112
        ipykernel 6.29.5 pyh3099207_0 116
        ipython 8.32.0 pyh907856f_0 587
        jinja2 3.1.5 pyhd8ed1ab_0 110
        jupyter_client 8.6.3 pyhd8ed1ab_1 104
        jupyter_core 5.7.2 pyh31011fe_1 56
        jupyter_server 2.15.0 pyhd8ed1ab_0 320
        * jupyterhub-singleuser 5.2.1 pyh31011fe_0 5
        * jupyterlab 4.3.5 pyhd8ed1ab_0 7136
        nbformat 5.10.4 pyhd8ed1ab_1 99
        notebook 7.3.2 pyhd8ed1ab_0 9729
        pyzmq 26.2.1 py312hbf22597_0 369
        tornado 6.4.2 py312h66e93f0_0 822
        traitlets 5.14.3 pyhd8ed1ab_1 107
    """,
    "conda torch 1.13": """
        pytorch
        blas 1.0 mkl 6
        cuda-cudart 11.7.99 0 194
        cuda-cupti 11.7.101 0 23449
        cuda-libraries 11.7.1 0 2
        cuda-nvrtc 11.7.99 0 17613
        cuda-nvtx 11.7.91 0 57
        cuda-runtime 11.7.1 0 1
        libcublas 11.10.3.66 0 292979
        libcufft 10.7.2.124 h4fbf590_0 96154
        libcusolver 11.4.0.1 0 80558
        libcusparse 11.7.4.91 0 154930
        mkl 2023.1.0 h213fc3f_46344 175898
        numpy 1.26.4 py310h5f9d8c6_0 11
        pillow 10.4.0 py310h5eee18b_0 866
        * pytorch 1.13.1 py3.10_cuda11.7_cudnn8.5.0_0 1184358
        * pytorch-cuda 11.7 h778d358_5 3
        * torchvision 0.14.1 py310_cu117 7680
        typing_extensions 4.11.0 py310h06a4308_0 60
    """,
    "conda torch 2.6": """
        conda-forge
        cuda-cudart 12.6.77 h5888daf_0 23
        cuda-nvrtc 12.6.85 hbd13f7d_0 17929
        cuda-nvtx 12.6.77 hbd13f7d_0 31
        cuda-version 12.6 h7480c83_3 21
        cudnn 9.7.1.26 h50b6be5_0 364411
        libcublas 12.6.4.1 h5888daf_1 251180
        libcufft 11.3.0.4 hbd13f7d_0 149630
        libtorch 2.6.0 cuda126_generic_h7feb9a8_0 533842
        nccl 2.25.1.1 ha44e49d_0 139862
        * pytorch 2.6.0 cuda126_generic_py312_hbbe7ba5_0 28460
        * rdkit 2024.09.5 py312h61b5b9b_0 17894
    """,
    "pip torch cu124": """
        filelock 3.17.0
        fsspec 2025.2.0
        jinja2 3.1.5
        markupsafe 3.0.2
        mpmath 1.3.0
        networkx 3.4.2
        numpy 2.2.3
        nvidia-cublas-cu12 12.4.5.8
        nvidia-cuda-cupti-cu12 12.4.127
        nvidia-cuda-nvrtc-cu12 12.4.127
        nvidia-cuda-runtime-cu12 12.4.127
        nvidia-cudnn-cu12 9.1.0.70
        nvidia-cufft-cu12 11.2.1.3
        nvidia-curand-cu12 10.3.5.147
        nvidia-cusolver-cu12 11.6.1.9
        nvidia-cusparse-cu12 12.3.1.170
        nvidia-cusparselt-cu12 0.6.2
        nvidia-nccl-cu12 2.21.5
        nvidia-nvjitlink-cu12 12.4.127
        nvidia-nvtx-cu12 12.4.127
        pillow 11.1.0
        sympy 1.13.1
        * torch 2.6.0+cu124
        * torchvision 0.21.0+cu124
        triton 3.2.0
        typing_extensions 4.12.2
    """,
    "pip torch cu130": """
        filelock 3.20.0
        fsspec 2026.2.0
        jinja2 3.1.6
        markupsafe 3.0.3
        mpmath 1.3.0
        networkx 3.6.1
        numpy 2.4.2
        nvidia-cublas 13.1.0.3
        nvidia-cuda-runtime 13.0.96
        nvidia-cudnn-cu13 9.15.1.9
        nvidia-nccl-cu13 2.28.9
        nvidia-nvjitlink 13.0.88
        setuptools 80.9.0
        sympy 1.14.0
        * torch 2.10.0+cu130
        triton 3.6.0
        typing_extensions 4.15.0
    """,
    "pip torch cpu": """
        filelock 3.17.0
        fsspec 2025.2.0
        jinja2 3.1.5
        markupsafe 3.0.2
        mpmath 1.3.0
        networkx 3.4.2
        numpy 2.2.3
        * torch 2.6.0+cpu
        sympy 1.13.1
        typing_extensions 4.12.2
    """,
    "pip torch cu121": """
        filelock 3.14.0
        fsspec 2024.5.0
        numpy 1.26.4
        nvidia-cublas-cu12 12.1.3.1
        nvidia-cuda-runtime-cu12 12.1.105
        nvidia-cudnn-cu12 8.9.2.26
        nvidia-nccl-cu12 2.20.5
        * ray 2.44.0
        * torch 2.3.0+cu121
        triton 2.3.0
    """,
    "pip torch nvidia": """
        apex 0.1
        dllist 2.0.0
        numpy 2.1.0
        nvfuser 0.2.35
        nvidia-dali-cuda130 1.53.0
        onnx 1.18.0
        opencv 4.11.0
        pytorch-triton 3.6.0
        * torch 2.10.0a0+b4e4ee81d3.nv26.01
        torch-tensorrt 2.10.0a0
        torchvision 0.25.0a0
        transformer-engine 2.11.0
    """,
    "pip cuda 11": """
        nvidia-cublas-cu11 11.10.3.66
        nvidia-cudnn-cu11 8.9.6.50
    """,
    "pip vision": """
        * albumentations 2.0.5
        contourpy 1.3.1
        * lightning 2.5.0.post0
        matplotlib 3.10.1
        * opencv-python-headless 4.11.0.86
        pandas 2.2.3
        scikit-learn 1.6.1
        scipy 1.15.2
        * timm 1.0.15
        torchmetrics 1.6.1
        * wandb 0.19.6
    """,
    "pip language": """
        * accelerate 1.4.0
        * datasets 3.3.2
        huggingface-hub 0.29.1
        * peft 0.14.0
        pyarrow 19.0.1
        regex 2024.11.6
        safetensors 0.5.2
        tokenizers 0.21.0
        * transformers 4.49.0
        * trl 0.15.1
        xxhash 3.5.0
    """,
    "pip serving": """
        fastapi 0.115.8
        huggingface-hub 0.29.1
        outlines 0.1.11
        prometheus-client 0.21.1
        pydantic 2.10.6
        * ray 2.43.0
        safetensors 0.5.2
        tokenizers 0.21.0
        transformers 4.51.3
        uvicorn 0.34.0
        uvloop 0.21.0
        * vllm 0.8.5
        xformers 0.0.29.post2
    """,
    "pip embedding": """
        grpcio 1.70.0
        opentelemetry-api 1.30.0
        * text-embeddings-server 1.7.0 editable
        typer 0.15.1
    """,
    "pip audio": """
        audioread 3.0.1
        * librosa 0.10.2.post1
        * onnxruntime-gpu 1.17.0
        * onnxruntime-gpu 1.19.2
        soundfile 0.13.1
        * whisper-timestamped 1.15.8 https://github.com/linto-ai/whisper-timestamped
    """,
    "pip tensorflow": """
        absl-py 2.1.0
        grpcio 1.71.0
        h5py 3.13.0
        keras 3.9.0
        markdown 3.7
        numpy 2.1.3
        protobuf 5.29.3
        tensorboard 2.19.0
        tensorboard-data-server 0.7.2
        * tensorflow-cpu 2.19.0
        werkzeug 3.1.3
        wheel 0.45.1
    """,
    "pip images": """
        numpy 2.2.3
        pillow 11.1.0
        * pydicom 3.0.1
        * simpleitk 2.4.1
        * zarr 3.0.4
    """,
    "pip sweep": """
        click 8.1.8
        gitpython 3.1.44
        * segmentation-models-pytorch 0.4.0
        sentry-sdk 2.22.0
        * wandb 0.19.6
    """,
}


def packages_of(*groups: str) -> tuple[Package, ...]:
    """The packages of some groups, conda's before pip's; pip leaves alone what conda put there."""
    found = {each for group in groups for each in _group(group)}
    by_conda = {each.name for each in found if each.owner == _CONDA}
    kept = (each for each in found if each.owner == _CONDA or each.name not in by_conda)
    return tuple(sorted(kept, key=lambda each: (each.owner, each.name, each.version)))


def every_package() -> Iterator[Package]:
    """Whatever lies in some environment."""
    for name in _GROUPS:
        yield from _group(name)


def _group(name: str) -> Iterator[Package]:
    lines = [line.split() for line in _GROUPS[name].strip().splitlines()]
    channel = lines.pop(0)[0] if name.startswith(_CONDA) else ""
    for words in lines:
        is_requested = words[0] == _REQUESTED
        package, version, *more = words[1:] if is_requested else words
        if channel:
            build, kib = more
            yield Package(package, version, _CONDA, build, channel, int(kib) << 10, is_requested)
        else:
            yield Package(package, version, _PIP, more[0] if more else "", is_requested=is_requested)
