"""The containers of the make-believe workstation as they are when it is first looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tui.model.containers import ContainerState, Health

_DAY, _HOUR, _MINUTE = 86400.0, 3600.0, 60.0
_MIB = 1 << 20

PYTORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
PYTORCH_DEVEL = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-devel"
NGC = "nvcr.io/nvidia/pytorch:26.01-py3"
JUPYTER = "quay.io/jupyter/pytorch-notebook:cuda12-python-3.12"
VLLM = "vllm/vllm-openai:v0.8.5"
MICROMAMBA = "mambaorg/micromamba:2.0-cuda12"
#: An anonymous volume, of the container log-flood.
SCRATCH_VOLUME = "5c0f" * 16
#: Images whose variables say that they are made for a GPU, beside those of containers that were given one.
CUDA_IMAGES = frozenset({PYTORCH, PYTORCH_DEVEL, NGC, JUPYTER, VLLM, MICROMAMBA})
#: The numbers of the machine's GPUs.
ALL_GPUS = (0, 1, 2, 3)


class Load(NamedTuple):
    """What a container uses on average while it runs; 100 % of CPU is one core, rates are per second."""

    cpu_percent: float
    memory_gib: float
    pids: int
    receive_bytes: int = 2_000
    send_bytes: int = 2_000
    read_bytes: int = 0
    write_bytes: int = 4_000


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One container: what it was made from, and how far it has come.

    Attributes:
        ports: "host:container" with ranges and "/udp", or "container" alone where only exposed.
        mounts: "source:destination"; a source without a slash is a named volume.
        processes: user and command line, the first one being the container's own.
        created_ago, started_ago, finished_ago, paused_ago: seconds before the world begins.
        health: what its check comes to, None where it has none.
        settled: its health check has come to that already.
        crashes: it ends with status 1 a few seconds after each start.
        log_driver: where the engine keeps what it writes; "none" keeps nothing.
        stop_exit_code: what it exits with when it is stopped; 137 where it ignores the polite signal.
        gpus: numbers of those that it was given.
    """

    name: str
    image: str
    command: str
    owner: str
    load: Load
    processes: tuple[tuple[str, str], ...]
    created_ago: float
    state: ContainerState = ContainerState.RUNNING
    started_ago: float | None = None
    finished_ago: float | None = None
    paused_ago: float | None = None
    exit_code: int = 0
    out_of_memory: bool = False
    health: Health | None = None
    settled: bool = True
    crashes: bool = False
    stop_exit_code: int = 0
    project: str | None = None
    ports: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    gpus: tuple[int, ...] = ()
    memory_limit_gib: int | None = None
    restart_policy: str = "no"
    network_mode: str = "bridge"
    log_driver: str = "json-file"


CATALOGUE = (
    Blueprint(
        "dl-dev", PYTORCH, "/usr/sbin/sshd -D -e", "ana",
        Load(cpu_percent=38, memory_gib=11.4, pids=64, receive_bytes=9_000, send_bytes=31_000),
        (
            ("root", "/usr/sbin/sshd -D -e"),
            ("ana", "sshd: ana@pts/0"),
            ("ana", "-bash"),
            ("ana", "/opt/conda/envs/vision/bin/python -m ipykernel_launcher -f kernel-1.json"),
            ("ana", "/opt/conda/envs/vision/bin/python train.py --config smoke.yaml --device cuda:0"),
        ),
        created_ago=19 * _DAY, started_ago=6 * _DAY + 4 * _HOUR, stop_exit_code=137,
        ports=("2222:22", "6100-6104:6006-6010"),
        mounts=("/home/ana/work:/workspace", "conda-envs:/opt/conda/envs"),
        environment=("CONDA_DEFAULT_ENV=vision",), gpus=(0,), memory_limit_gib=128,
        restart_policy="unless-stopped",
    ),
    Blueprint(
        "vision-train", NGC, "torchrun --nproc_per_node=2 train.py --config r101-imagenet.yaml", "ana",
        Load(620, 88.6, 147, receive_bytes=41_000, send_bytes=6_000, read_bytes=412 * _MIB, write_bytes=_MIB),
        (
            ("root", "/usr/bin/python /usr/local/bin/torchrun --nproc_per_node=2 train.py"),
            ("root", "/usr/bin/python -u train.py --config r101-imagenet.yaml --local-rank=0"),
            ("root", "/usr/bin/python -u train.py --config r101-imagenet.yaml --local-rank=1"),
            ("root", "/usr/bin/python -c from multiprocessing.spawn import spawn_main"),
        ),
        created_ago=3 * _HOUR + 2 * _MINUTE, started_ago=3 * _HOUR + 2 * _MINUTE, stop_exit_code=137,
        project="vision", ports=("6006", "8888"),
        mounts=("/data/imagenet:/data", "vision-checkpoints:/checkpoints"),
        environment=("WANDB_API_KEY=8d1f7c0e5b2a49d3a6c4e0f19b7d2358c61ea904", "WANDB_PROJECT=r101"),
        gpus=(1, 2), memory_limit_gib=160,
    ),
    Blueprint(
        "tensorboard", "tensorflow/tensorflow:2.19.0", "tensorboard --logdir /runs --bind_all", "ana",
        Load(2.4, 1.3, 21, receive_bytes=5_200, send_bytes=88_000, read_bytes=120_000),
        (("root", "/usr/bin/python3 /usr/local/bin/tensorboard --logdir /runs --bind_all"),),
        created_ago=40 * _DAY, started_ago=12 * _DAY, project="vision", ports=("6006:6006",),
        mounts=("vision-checkpoints:/runs",), restart_policy="always",
    ),
    Blueprint(
        "llm-finetune", PYTORCH_DEVEL,
        "accelerate launch --num_processes 2 finetune.py --model Qwen/Qwen2.5-14B", "ben",
        Load(784, 211.0, 318, receive_bytes=1_800_000, send_bytes=1_700_000, read_bytes=96 * _MIB,
             write_bytes=38 * _MIB),
        (
            ("root", "/opt/conda/bin/python /opt/conda/bin/accelerate launch --num_processes 2 finetune.py"),
            ("root", "/opt/conda/bin/python -u finetune.py --model Qwen/Qwen2.5-14B --lora-rank 64"),
            ("root", "/opt/conda/bin/python -u finetune.py --model Qwen/Qwen2.5-14B --lora-rank 64"),
            ("root", "pt_data_worker"),
        ),
        created_ago=19 * _HOUR, started_ago=19 * _HOUR, stop_exit_code=137, project="llm",
        mounts=("/data/corpora:/data:ro", "hf-cache:/root/.cache/huggingface"),
        environment=("HF_TOKEN=hf_QkZrVtNwYxLpJmSdGcBhAeUoIfTzRq", "TOKENIZERS_PARALLELISM=false"),
        gpus=(0, 2), memory_limit_gib=256, restart_policy="on-failure",
    ),
    Blueprint(
        "serve-qwen", VLLM,
        "vllm serve Qwen/Qwen2.5-7B-Instruct --port 8000 --gpu-memory-utilization 0.9", "ben",
        Load(341, 46.2, 96, receive_bytes=74_000, send_bytes=390_000),
        (
            ("root", "/usr/bin/python3 /usr/local/bin/vllm serve Qwen/Qwen2.5-7B-Instruct --port 8000"),
            ("root", "/usr/bin/python3 -c from multiprocessing.resource_tracker import main;main(52)"),
            ("root", "VLLM::EngineCore"),
        ),
        created_ago=9 * _DAY, started_ago=9 * _DAY, health=Health.HEALTHY, project="llm",
        ports=("8000:8000",), mounts=("hf-cache:/root/.cache/huggingface",),
        environment=("HF_TOKEN=hf_QkZrVtNwYxLpJmSdGcBhAeUoIfTzRq", "VLLM_API_KEY=sk-demo-41c7b6a2"),
        gpus=(3,), memory_limit_gib=96, restart_policy="unless-stopped",
    ),
    Blueprint(
        "serve-embed", "ghcr.io/huggingface/text-embeddings-inference:1.7",
        "text-embeddings-router --model-id BAAI/bge-m3 --port 80", "ben",
        Load(96, 7.8, 42, receive_bytes=3_000, send_bytes=1_000),
        (("root", "text-embeddings-router --model-id BAAI/bge-m3 --port 80"),),
        created_ago=9 * _DAY, started_ago=2 * _DAY + 7 * _HOUR, health=Health.UNHEALTHY, project="llm",
        ports=("127.0.0.1:8001:80",), mounts=("hf-cache:/data",), gpus=(3,), restart_policy="unless-stopped",
    ),
    Blueprint(
        "notebook-ana", JUPYTER, "start-notebook.py --IdentityProvider.token=", "ana",
        Load(14, 6.1, 58, receive_bytes=11_000, send_bytes=52_000),
        (
            ("jovyan", "tini -g -- start.sh start-notebook.py"),
            ("jovyan", "/opt/conda/bin/python3.12 /opt/conda/bin/jupyter-lab --ip=0.0.0.0"),
            ("jovyan", "/opt/conda/bin/python -m ipykernel_launcher -f /home/jovyan/kernel-7c1e.json"),
        ),
        created_ago=4 * _DAY, started_ago=26 * _HOUR, health=Health.HEALTHY, ports=("8889:8888",),
        mounts=("/home/ana/notebooks:/home/jovyan/work",),
        environment=("JUPYTER_TOKEN=5c0f9e2d7ab84163", "GRANT_SUDO=yes"), gpus=(0,), memory_limit_gib=64,
        restart_policy="unless-stopped",
    ),
    Blueprint(
        "notebook-chen", JUPYTER, "start-notebook.py", "chen",
        Load(47, 1.9, 33, receive_bytes=22_000, send_bytes=8_000),
        (
            ("jovyan", "tini -g -- start.sh start-notebook.py"),
            ("jovyan", "/opt/conda/bin/python3.12 /opt/conda/bin/jupyter-lab --ip=0.0.0.0"),
        ),
        created_ago=2 * _DAY, started_ago=5.0, health=Health.HEALTHY, settled=False, ports=("8890:8888",),
        mounts=("/home/chen:/home/jovyan/work",), memory_limit_gib=32,
    ),
    Blueprint(
        "sweep-agent", MICROMAMBA, "wandb agent chen/segmentation/k3v9x2qa", "chen",
        Load(104, 0.9, 12, receive_bytes=40_000, send_bytes=12_000),
        (
            ("mambauser", "/opt/conda/bin/python /opt/conda/bin/wandb agent chen/segmentation/k3v9x2qa"),
            ("mambauser", "/opt/conda/bin/python segment.py --backbone swin_l --crop 1024"),
        ),
        created_ago=5 * _HOUR, state=ContainerState.RESTARTING, started_ago=14.0, finished_ago=8.0,
        exit_code=1, crashes=True, project="sweeps", mounts=("/home/chen/seg:/work",),
        environment=("WANDB_API_KEY=c04a9be17d5f4c28b3e6a1d0f87254e9b1c3d6a5",), gpus=(0,),
        restart_policy="always",
    ),
    Blueprint(
        "optuna-db", "postgres:16", "docker-entrypoint.sh postgres", "chen",
        Load(3.1, 0.6, 14, receive_bytes=7_000, send_bytes=19_000, read_bytes=15_000, write_bytes=210_000),
        (
            ("999", "postgres"),
            ("999", "postgres: checkpointer"),
            ("999", "postgres: walwriter"),
            ("999", "postgres: optuna optuna 172.20.0.3(41844) idle"),
        ),
        created_ago=33 * _DAY, started_ago=33 * _DAY, health=Health.HEALTHY, project="sweeps",
        ports=("5432",), mounts=("optuna-data:/var/lib/postgresql/data",), memory_limit_gib=4,
        environment=("POSTGRES_USER=optuna", "POSTGRES_PASSWORD=correct-horse-battery"),
        restart_policy="always",
    ),
    Blueprint(
        "rl-sim", "rayproject/ray:2.44.0-gpu", "ray start --head --block --dashboard-host 0.0.0.0", "chen",
        Load(212, 24.5, 203, receive_bytes=15_000, send_bytes=15_000),
        (
            ("ray", "/home/ray/anaconda3/bin/python ray start --head --block --dashboard-host 0.0.0.0"),
            ("ray", "gcs_server"),
            ("ray", "raylet"),
            ("ray", "ray::PPO.train()"),
        ),
        created_ago=3 * _DAY, state=ContainerState.PAUSED, started_ago=2 * _DAY, paused_ago=26 * _MINUTE,
        ports=("8265:8265", "14550:14550/udp"),
        mounts=("ray-results:/home/ray/ray_results",), gpus=(2,), memory_limit_gib=64,
    ),
    Blueprint(
        "dcgm-exporter", "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04", "dcgm-exporter", "admin",
        Load(1.2, 0.2, 28),
        (("root", "/usr/bin/dcgm-exporter"),),
        created_ago=120 * _DAY, started_ago=41 * _DAY, gpus=ALL_GPUS, restart_policy="always",
        network_mode="host", log_driver="none",
    ),
    Blueprint(
        "preprocess-dicom", MICROMAMBA, "python preprocess.py --workers 32 /data/dicom", "ana",
        Load(1650, 18.0, 36, read_bytes=230 * _MIB, write_bytes=140 * _MIB),
        (("mambauser", "/opt/conda/bin/python preprocess.py --workers 32 /data/dicom"),),
        created_ago=2 * _DAY, state=ContainerState.EXITED, started_ago=2 * _DAY, finished_ago=44 * _HOUR,
        mounts=("/data/dicom:/data/dicom", "dicom-tensors:/out"),
        environment=("NVIDIA_VISIBLE_DEVICES=none",),
    ),
    Blueprint(
        "diffusion-train", NGC, "python train_unet.py --batch-size 96", "dora",
        Load(455, 94.0, 88, read_bytes=150 * _MIB, write_bytes=2 * _MIB),
        (("root", "/usr/bin/python train_unet.py --batch-size 96"),),
        created_ago=31 * _HOUR, state=ContainerState.EXITED, started_ago=31 * _HOUR, finished_ago=7 * _HOUR,
        exit_code=137, out_of_memory=True, stop_exit_code=137, project="diffusion",
        mounts=("/data/laion-sub:/data:ro", "diffusion-ckpt:/ckpt"),
        environment=("WANDB_API_KEY=2f6b8e9d0c1a4b7395d2e8f1a0b3c6d7e4f59182",), gpus=(1,),
        memory_limit_gib=96,
    ),
    Blueprint(
        "log-flood", MICROMAMBA, "python flood.py --lines-per-second 20000", "admin",
        Load(88, 0.1, 4),
        (("mambauser", "/opt/conda/bin/python flood.py --lines-per-second 20000"),),
        created_ago=5 * _DAY, state=ContainerState.EXITED, started_ago=5 * _DAY,
        finished_ago=5 * _DAY - 2.0, mounts=(f"{SCRATCH_VOLUME}:/scratch",),
        environment=("NVIDIA_VISIBLE_DEVICES=void",),
    ),
    Blueprint(
        "eval-suite", PYTORCH, "python -m lm_eval --model vllm --tasks mmlu,gsm8k", "dora",
        Load(180, 22.0, 44),
        (("root", "/opt/conda/bin/python -m lm_eval --model vllm --tasks mmlu,gsm8k"),),
        created_ago=11 * _MINUTE, state=ContainerState.CREATED, stop_exit_code=137, project="diffusion",
        ports=("8080:8080",), mounts=("hf-cache:/root/.cache/huggingface",), gpus=(1,),
    ),
)  # fmt: skip
