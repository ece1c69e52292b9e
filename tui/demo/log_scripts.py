"""Which container of the catalogue writes what."""

from __future__ import annotations

from collections.abc import Mapping

from tui.demo import log_services as services
from tui.demo import log_training as training
from tui.demo.log_pages import Script

#: By the name that a container has in the catalogue; one without a script writes nothing.
SCRIPTS: Mapping[str, Script] = {
    "dl-dev": Script(services.sshd_starts, 5, services.ssh_sessions, 600),
    "vision-train": Script(training.vision_starts, 40, training.vision_epoch, 180),
    "tensorboard": Script(services.tensorboard_starts, 15, services.tensorboard_looks, 900),
    "llm-finetune": Script(training.llm_starts, 90, training.llm_steps, 120),
    "serve-qwen": Script(services.vllm_starts, 60, services.vllm_requests, 10, services.vllm_ends),
    "serve-embed": Script(services.embeddings_start, 20, services.embeddings_fail, 30),
    "notebook-ana": Script(
        services.open_jupyter_starts, 10, services.jupyter_works, 300, services.jupyter_ends
    ),
    "notebook-chen": Script(services.jupyter_starts, 12, services.jupyter_works, 300, services.jupyter_ends),
    "sweep-agent": Script(training.sweep_starts, ending=training.sweep_crashes),
    "optuna-db": Script(services.postgres_starts, 5, services.postgres_works, 300, services.postgres_ends),
    "rl-sim": Script(services.ray_starts, 20, services.ray_works, 60),
    "preprocess-dicom": Script(
        training.preprocessing_starts, 10, training.preprocessing_works, 300, training.preprocessing_ends
    ),
    "diffusion-train": Script(
        training.diffusion_starts, 45, training.diffusion_works, 240, training.diffusion_ends
    ),
    "log-flood": Script(round=training.flood, round_seconds=training.FLOOD_PAGE_SECONDS),
    "eval-suite": Script(training.evaluation_starts, 30, training.evaluation_works, 60),
}
