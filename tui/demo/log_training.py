"""What the make-believe training jobs write: steps and epochs, progress bars, warnings, and how they fail."""

from __future__ import annotations

import math

from tui.demo.log_pages import Page

#: A flood's page: short, so that little of what it holds is made in vain.
FLOOD_PAGE_SECONDS = 0.05
# together 20 000 lines a second
_FLOOD_PAGE_LINES, _FLOOD_STEP_NS = 1000, 50_000
_FLOOD_TEXTS = [
    b"worker=%02d shard=%04d cached=%s rows=4096 took=%d.%02dms\n"
    % (index % 16, index * 37 % 2048, b"yes" if index % 3 else b"no", 3 + index % 9, index * 13 % 100)
    for index in range(_FLOOD_PAGE_LINES)
]

_GREEN, _YELLOW, _CYAN, _BOLD, _DIM, _PLAIN = (f"\x1b[{code}m" for code in ("32", "33", "36", "1", "2", "0"))


def progress_bar(page: Page, what: str, total: int, seconds: float, unit: str, updates: int = 20) -> str:
    """A tqdm bar as it reaches the log: all its states in one line, each over the one before."""
    states = []
    for update in range(updates + 1):
        done, part = total * update // updates, update / updates
        rate = total / seconds * (0.97 + 0.06 * page.dice.random())
        states.append(
            f"{what}: {part:4.0%}|{_blocks(part)}| {done}/{total} "
            f"[{_clock(part * seconds)}<{_clock((1 - part) * seconds)}, {rate:.2f}{unit}/s]"
        )
    return "\r".join(states)


def _blocks(part: float, width: int = 10) -> str:
    whole, rest = divmod(round(part * width * 8), 8)
    bar = "█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return bar.ljust(width)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


# -- vision-train

_VISION_EPOCHS, _VISION_STEPS = 300, 5004
_VISION_FIRST_EPOCH = 30


def vision_starts(page: Page) -> None:
    """Its image's greeting, torchrun, and the checkpoint that it goes on from."""
    page.out(
        0.4,
        "\n=============\n== PyTorch ==\n=============\n\nNVIDIA Release 26.01 (build 251482167)\n"
        "PyTorch Version 2.10.0a0+b4e4ee8\n"
        "Container image Copyright (c) 2026, NVIDIA CORPORATION & AFFILIATES. All rights reserved.\n",
    )
    page.err(
        3.1,
        f"W{page.time(3.1, '%m%d %H:%M:%S.%f')} 1 torch/distributed/run.py:792] \n"
        f"W{page.time(3.1, '%m%d %H:%M:%S.%f')} 1 torch/distributed/run.py:792] Setting OMP_NUM_THREADS "
        "environment variable for each process to be 1 in default, to avoid your system being overloaded.",
    )
    page.out(9.0, "| distributed init (rank 0): env://, backend nccl, 2 GPUs")
    page.out(9.2, "| distributed init (rank 1): env://, backend nccl, 2 GPUs")
    page.out(12.8, "Dataset ImageFolder: 1281167 training images, 50000 validation images, 1000 classes")
    page.out(21.5, f"Resuming from {_CYAN}/checkpoints/last.pt{_PLAIN} (epoch {_VISION_FIRST_EPOCH})")
    page.err(
        22.0,
        "/usr/local/lib/python3.12/dist-packages/torch/optim/lr_scheduler.py:227: UserWarning: Detected call "
        "of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call "
        "them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.\n  warnings.warn(",
    )


def vision_epoch(page: Page) -> None:
    """Steps in colour, now and then a loss that is no number, validation with a bar, a checkpoint."""
    epoch = (_VISION_FIRST_EPOCH + page.number) % _VISION_EPOCHS + 1
    loss = 1.1 + 5.2 * math.exp(-epoch / 28)
    rate = 0.4 * (1 + math.cos(math.pi * epoch / _VISION_EPOCHS)) / 2
    for index in range(75):
        step = (index + 1) * _VISION_STEPS // 75
        now = loss * (0.96 + 0.08 * page.dice.random())
        images = 2900 + page.dice.random() * 180
        page.out(
            1.0 + 2.0 * index,
            f"{_BOLD}{_GREEN}Epoch {epoch}/{_VISION_EPOCHS}{_PLAIN} step {step:4d}/{_VISION_STEPS} "
            f"loss {now:.4f} lr {rate:.5f} {_DIM}{images:.0f} img/s, data 0.002 s{_PLAIN}",
        )
        if epoch % 7 == 0 and index == 41:
            page.err(
                1.2 + 2.0 * index,
                f"{_YELLOW}WARNING{_PLAIN} loss is nan at step {step}: step skipped, "
                "GradScaler 65536.0 -> 32768.0",
            )
    top1 = 79.4 - 46 * math.exp(-epoch / 24) + page.dice.random()
    page.err(168.0, progress_bar(page, "Validation", 196, 17.0, "it"))
    page.out(169.0, f" * Acc@1 {top1:.3f} Acc@5 {100 - (100 - top1) / 3.6:.3f}")
    page.out(171.5, f"✔ saved /checkpoints/epoch_{epoch:03d}.pt (170.5 MB in 2.1 s)")


# -- llm-finetune


def llm_starts(page: Page) -> None:
    """Loading of the shards and the size of what is trained."""
    page.err(
        2.0,
        "The following values were not passed to `accelerate launch` and had defaults used instead:\n"
        "\t`--num_machines` was set to a value of `1`\n\t`--mixed_precision` was set to a value of `'no'`\n"
        "\t`--dynamo_backend` was set to a value of `'no'`",
    )
    page.err(41.0, progress_bar(page, "Loading checkpoint shards", 8, 34.0, "it", 8))
    page.out(44.0, "trainable params: 275,251,200 || all params: 15,045,284,864 || trainable%: 1.8295")
    page.err(61.0, progress_bar(page, "Map (num_proc=32)", 1_870_000, 16.0, " examples"))
    page.err(62.0, "[INFO|trainer.py:2405] ***** Running training *****")
    page.err(62.1, "[INFO|trainer.py:2406]   Num examples = 1,870,000")
    page.err(62.2, "[INFO|trainer.py:2409]   Total train batch size (parallel, accumulation) = 128")


def llm_steps(page: Page) -> None:
    """The trainer's dictionaries and its bar; once in a while a collective operation that hangs."""
    first = page.number * 12
    for index in range(12):
        step = first + index
        loss = 1.18 + 0.9 * math.exp(-step / 900) + 0.05 * page.dice.random()
        page.out(
            4.0 + 9.5 * index,
            f"{{'loss': {loss:.4f}, 'grad_norm': {0.4 + 0.5 * page.dice.random():.6f}, "
            f"'learning_rate': {1e-4 * math.exp(-step / 20000):.6e}, 'epoch': {step * 0.00068:.2f}}}",
        )
    if page.number % 400 == 97:
        _collective_hangs(page, first + 12)
    else:
        page.err(117.0, progress_bar(page, f"Packing shard {page.number:05d}", 4096, 7.4, " examples", 12))


def _collective_hangs(page: Page, step: int) -> None:
    work = f"WorkNCCL(SeqNum={step * 96 + 14}, OpType=ALLREDUCE, NumelIn=68812800, NumelOut=68812800"
    when = page.time(112.0, "%H:%M:%S")
    page.err(
        112.0,
        f"[rank1]:[E {when} ProcessGroupNCCL.cpp:629] [Rank 1] Watchdog caught collective operation timeout: "
        f"{work}, Timeout(ms)=600000) ran for 600032 milliseconds before timing out.\n"
        f"[rank1]:[E {when} ProcessGroupNCCL.cpp:2168] [PG ID 0 PG GUID 0(default_pg) Rank 1]  failure "
        f"detected by watchdog at work sequence id: {step * 96 + 14} PG status: last enqueued work: "
        f"{step * 96 + 15}, last completed work: {step * 96 + 13}\n"
        f"[rank1]:[E {when} ProcessGroupNCCL.cpp:681] [Rank 1] Some NCCL operations have failed or timed "
        "out. Due to the asynchronous nature of CUDA kernels, subsequent GPU operations might run on "
        "corrupted/incomplete data.\n"
        "terminate called after throwing an instance of 'c10::DistBackendError'\n"
        f"  what():  [PG ID 0 PG GUID 0(default_pg) Rank 1] Process group watchdog thread terminated with "
        f"exception: [Rank 1] Watchdog caught collective operation timeout: {work}, Timeout(ms)=600000)",
    )
    written = page.time(114.0, "%m%d %H:%M:%S.%f")
    page.err(
        114.0,
        f"E{written} 1 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: -6) "
        "local_rank: 1 (pid: 143) of binary: /opt/conda/bin/python\n"
        f"I{written} 1 torch/distributed/elastic/agent/server/api.py:926] [default] Worker group FAILED. 1/3 "
        "attempts left; will restart worker group",
    )
    page.out(118.0, f"Resuming from /checkpoints/checkpoint-{step // 100 * 100}")


# -- diffusion-train

_OUT_OF_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.38 GiB. GPU 0 has a total capacity of "
    "79.11 GiB of which 1.71 GiB is free. Process 48213 has 77.39 GiB memory in use. Of the allocated memory "
    "74.02 GiB is allocated by PyTorch, and 2.61 GiB is reserved by PyTorch but unallocated. If reserved but "
    "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid "
    "fragmentation.  See documentation for Memory Management  "
    "(https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


def diffusion_starts(page: Page) -> None:
    """The model and its data."""
    page.out(4.0, f"{page.time(4.0, '%Y-%m-%d %H:%M:%S')} INFO train_unet: seed 1234, bf16, batch size 96")
    page.out(19.0, f"{page.time(19.0, '%Y-%m-%d %H:%M:%S')} INFO train_unet: UNet2DCondition, 865.9 M params")
    page.err(
        31.0,
        "/usr/local/lib/python3.12/dist-packages/torch/utils/data/dataloader.py:627: UserWarning: This "
        "DataLoader will create 48 worker processes in total. Our suggested max number of worker in current "
        "system is 32, which is smaller than what this DataLoader is going to create.\n  warnings.warn(",
    )


def diffusion_works(page: Page) -> None:
    """Steps, and a step for which the memory of the GPU does not suffice."""
    for index in range(16):
        step = (page.number * 16 + index + 1) * 25
        loss = 0.081 + 0.06 * math.exp(-step / 30000) + 0.01 * page.dice.random()
        seconds = 5.0 + 14.0 * index
        page.out(
            seconds,
            f"{page.time(seconds, '%Y-%m-%d %H:%M:%S')} INFO train_unet: step={step} loss={loss:.5f} "
            f"ema=0.9999 {2.1 + 0.2 * page.dice.random():.2f} it/s",
        )
    if page.number % 120 == 61:
        page.err(
            220.0,
            f"{page.time(220.0, '%Y-%m-%d %H:%M:%S')} ERROR train_unet: sampling failed, goes on without\n"
            "Traceback (most recent call last):\n"
            '  File "/workspace/train_unet.py", line 388, in main\n'
            "    images = sample(pipeline, validation_prompts, args)\n"
            '  File "/workspace/train_unet.py", line 203, in sample\n'
            "    return pipeline(prompts, num_inference_steps=50, guidance_scale=7.5).images\n"
            '  File "/workspace/unet/attention.py", line 117, in forward\n'
            "    scores = torch.baddbmm(bias, query, key.transpose(-1, -2), beta=0, alpha=self.scale)\n"
            "             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            f"{_OUT_OF_MEMORY}",
        )


def diffusion_ends(page: Page) -> None:
    """The kernel takes a worker first, then everything."""
    if page.run.out_of_memory:
        page.err(
            0.0,
            "Traceback (most recent call last):\n"
            '  File "/usr/local/lib/python3.12/dist-packages/torch/utils/data/dataloader.py", line 1251, in '
            "_try_get_data\n    data = self._data_queue.get(timeout=timeout)\n"
            '  File "/usr/local/lib/python3.12/dist-packages/torch/utils/data/_utils/signal_handling.py", '
            "line 73, in handler\n    _error_if_any_worker_fails()\n"
            "RuntimeError: DataLoader worker (pid 812) is killed by signal: Killed.",
        )


# -- sweep-agent


def sweep_starts(page: Page) -> None:
    """The agent takes the next settings and begins."""
    page.err(0.6, "wandb: Starting wandb agent 🕵️")
    page.err(
        1.1, f"{page.time(1.1, '%Y-%m-%d %H:%M:%S,%f')[:-3]} - wandb.wandb_agent - INFO - Running runs: []"
    )
    page.err(
        1.6, f"wandb: Agent Starting Run: {page.secret(8)} with config:\n\tbackbone: swin_l\n\tcrop: 1024"
    )
    page.err(
        1.6, f"\tbatch_size: {page.dice.randrange(20, 40)}\n\tlr: {3e-5 + page.dice.random() * 1e-4:.6f}"
    )
    page.out(3.4, "Loading Cityscapes: 2975 training images, 500 validation images")
    page.out(4.6, "epoch 0 step 1 loss 2.9443")


def sweep_crashes(page: Page) -> None:
    """The batch does not fit, and the agent gives up."""
    if page.run.exit_code != 1:
        return
    page.err(
        0.0,
        "Traceback (most recent call last):\n"
        '  File "/work/segment.py", line 311, in <module>\n    main(wandb.config)\n'
        '  File "/work/segment.py", line 268, in main\n    loss = train_one_epoch(model, loader, optimizer)\n'
        '  File "/work/segment.py", line 174, in train_one_epoch\n    logits = model(images.to(device))\n'
        '  File "/opt/conda/lib/python3.12/site-packages/torch/nn/modules/module.py", line 1739, in '
        "_wrapped_call_impl\n    return self._call_impl(*args, **kwargs)\n"
        "           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        '  File "/opt/conda/lib/python3.12/site-packages/torch/nn/functional.py", line 5209, in pad\n'
        "    return torch._C._nn.pad(input, pad, mode, value)\n"
        "           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        f"{_OUT_OF_MEMORY}",
    )
    page.err(0.0, f"wandb: ERROR Run {page.secret(8)} errored: Process exited with 1")
    page.err(0.0, "Detected 1 failed runs in the first 60 seconds, killing sweep.")


# -- preprocess-dicom, eval-suite, log-flood


def preprocessing_starts(page: Page) -> None:
    """What there is to do."""
    page.out(1.2, "found 41,822 series in /data/dicom, 32 workers")


def preprocessing_works(page: Page) -> None:
    """Series one by one, those that can't be read, and a bar."""
    for index in range(20):
        series = page.number * 20 + index
        size = 180 + page.dice.randrange(420)
        page.out(8.0 + 14.0 * index, f"series {series:05d}: {size} slices -> /out/{series:05d}.pt")
        if page.dice.random() < 0.06:
            page.err(
                8.4 + 14.0 * index,
                f"pydicom/filereader.py:427: UserWarning: series {series:05d}: slice spacing "
                "varies, resampled",
            )
    page.err(297.0, progress_bar(page, "dicom", 871, 289.0, "series"))


def preprocessing_ends(page: Page) -> None:
    """The sum of it."""
    if page.run.exit_code == 0:
        page.out(0.0, "done: 41,822 series, 113 resampled, 0 failed")


def evaluation_starts(page: Page) -> None:
    """The tasks are loaded."""
    stamp = page.time(3.0, "%Y-%m-%d:%H:%M:%S")
    page.err(3.0, f"{stamp} INFO     [__main__:440] Selected Tasks: ['gsm8k', 'mmlu']")
    page.err(17.0, f"{stamp} INFO     [evaluator:305] num_fewshot has been set to 5 for gsm8k in its config")


def evaluation_works(page: Page) -> None:
    """Requests in a bar, and a figure for each subject."""
    page.err(50.0, progress_bar(page, "Running generate_until requests", 1319, 48.0, "it"))
    page.out(
        52.0, f"|mmlu_{page.number:02d}|      1|none  |     5|acc   |↑  |{0.5 + page.dice.random() / 3:.4f}|"
    )


def flood(page: Page) -> None:
    """Twenty thousand lines a second, each with its number, so that a loss shows."""
    first = page.number * _FLOOD_PAGE_LINES
    texts = [b"[%010d] %b" % (first + index, text) for index, text in enumerate(_FLOOD_TEXTS)]
    page.flood(_FLOOD_STEP_NS / 1e9, _FLOOD_STEP_NS, texts)
