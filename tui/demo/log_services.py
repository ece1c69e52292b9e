"""What the make-believe services write: notebooks, servers of models, a database, a shell server."""

from __future__ import annotations

from tui.demo.log_pages import Page

_GREEN, _RED, _DIM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"

# -- dl-dev


def sshd_starts(page: Page) -> None:
    """It listens."""
    page.err(0.2, "Server listening on 0.0.0.0 port 22.\nServer listening on :: port 22.")


def ssh_sessions(page: Page) -> None:
    """People who come and go, and somebody who tries doors."""
    dice = page.dice
    port = 40_000 + dice.randrange(20_000)
    seconds = 20 + 200 * dice.random()
    page.err(
        seconds,
        f"Accepted publickey for ana from 10.20.0.14 port {port} ssh2: ED25519 "
        "SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE",
    )
    if dice.random() < 0.3:
        host = f"10.20.7.{dice.randrange(2, 250)}"
        page.err(
            300.0,
            f"Invalid user admin from {host} port {port + 11}\n"
            f"Connection closed by invalid user admin {host} port {port + 11} [preauth]",
        )
    page.err(
        420 + 150 * dice.random(),
        f"Received disconnect from 10.20.0.14 port {port}:11: disconnected by user\n"
        f"Disconnected from user ana 10.20.0.14 port {port}",
    )


# -- tensorboard


def tensorboard_starts(page: Page) -> None:
    """Warnings of TensorFlow, then its address."""
    page.err(
        3.0,
        f"{page.time(3.0, '%Y-%m-%d %H:%M:%S.%f')}: I tensorflow/core/platform/cpu_feature_guard.cc:210] "
        "This TensorFlow binary is optimized to use available CPU instructions in performance-critical "
        "operations.",
    )
    page.err(
        6.0,
        "/usr/local/lib/python3.11/dist-packages/tensorboard/default.py:30: UserWarning: pkg_resources is "
        "deprecated as an API. See https://setuptools.pypa.io/en/latest/pkg_resources.html.\n"
        "  import pkg_resources",
    )
    page.err(8.0, "TensorBoard 2.19.0 at http://0.0.0.0:6006/ (Press CTRL+C to quit)")


def tensorboard_looks(page: Page) -> None:
    """Event files that it had to read again."""
    if page.dice.random() < 0.3:
        seconds = 30 + 800 * page.dice.random()
        page.err(
            seconds,
            f"W{page.time(seconds, '%m%d %H:%M:%S.%f')} 139872 directory_watcher.py:127] Deleting a "
            f"file: /runs/r101/version_{page.dice.randrange(40)}/events.out.tfevents was removed",
        )


# -- serve-qwen

_MODEL = "Qwen/Qwen2.5-7B-Instruct"


def vllm_starts(page: Page) -> None:
    """The weights are loaded, the address is opened."""

    def info(seconds: float, where: str, text: str) -> None:
        page.out(seconds, f"INFO {page.time(seconds, '%m-%d %H:%M:%S')} [{where}] {text}")

    info(2.0, "api_server.py:1043", "vLLM API server version 0.8.5")
    info(
        9.0,
        "config.py:717",
        "This model supports multiple tasks: {'generate', 'embed'}. Defaulting to 'generate'.",
    )
    info(21.0, "gpu_model_runner.py:1329", f"Starting to load model {_MODEL}...")
    info(32.0, "loader.py:458", "Loading weights took 4.81 seconds")
    info(33.0, "gpu_model_runner.py:1347", "Model loading took 14.2487 GiB and 10.914266 seconds")
    info(41.0, "kv_cache_utils.py:634", "GPU KV cache size: 963,120 tokens")
    info(56.0, "api_server.py:1090", "Starting vLLM API server on http://0.0.0.0:8000")
    page.err(57.0, "INFO:     Started server process [1]\nINFO:     Waiting for application startup.")
    page.err(57.5, "INFO:     Application startup complete.")


def vllm_requests(page: Page) -> None:
    """Requests of the chat, and every ten seconds its figures."""
    dice = page.dice
    wanted = dice.randrange(6)
    for index in range(wanted):
        port = 32_768 + dice.randrange(28_000)
        path = "/v1/chat/completions" if dice.random() < 0.8 else "/v1/completions"
        status = "200 OK" if dice.random() < 0.97 else "400 Bad Request"
        page.out(
            0.3 + 1.5 * index + dice.random(),
            f'INFO:     172.20.0.{2 + port % 6}:{port} - "POST {path} HTTP/1.1" {status}',
        )
    page.out(
        9.5,
        f"INFO {page.time(9.5, '%m-%d %H:%M:%S')} [loggers.py:116] Engine 000: Avg prompt throughput: "
        f"{wanted * 211.7 * dice.random():.1f} tokens/s, Avg generation throughput: "
        f"{wanted * 74.3 * dice.random():.1f} tokens/s, Running: {wanted} reqs, Waiting: 0 reqs, GPU KV "
        f"cache usage: {wanted * 0.7 + dice.random():.1f}%, "
        f"Prefix cache hit rate: {38 + 4 * dice.random():.1f}%",
    )


def vllm_ends(page: Page) -> None:
    """It is asked to stop and does."""
    if page.run.exit_code == 0:
        page.err(
            0.0,
            "INFO:     Shutting down\nINFO:     Waiting for application shutdown.\n"
            "INFO:     Application shutdown complete.",
        )


# -- serve-embed


def _traced(page: Page, seconds: float, level: str, where: str, text: str) -> str:
    colour = _RED if level == "ERROR" else _GREEN
    stamp = page.time(seconds, "%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{_DIM}{stamp}{_PLAIN} {colour}{level:>5}{_PLAIN} {_DIM}{where}{_PLAIN} {text}"


def embeddings_start(page: Page) -> None:
    """The router gets ready."""
    for seconds, where, text in (
        (
            0.5,
            "text_embeddings_router: router/src/main.rs:189:",
            'Args { model_id: "BAA*/***-m3", port: 80 }',
        ),
        (4.0, "text_embeddings_router: router/src/lib.rs:209:", "Starting FlashBert model on Cuda"),
        (15.0, "text_embeddings_router::http::server: router/src/http/server.rs:1852:", "Ready"),
    ):
        page.out(seconds, _traced(page, seconds, "INFO", where, text))


def embeddings_fail(page: Page) -> None:
    """Why its health check fails."""
    where = "embed:embed_pooled{truncate=false normalize=true}: core/src/infer.rs:332:"
    for index in range(page.dice.randrange(1, 4)):
        page.out(4.0 + 5 * index, _traced(page, 4.0 + 5 * index, "ERROR", where, "Model is overloaded"))
    where = "text_embeddings_router::http::server: router/src/http/server.rs:103:"
    why = 'DriverError(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered")'
    page.out(29.0, _traced(page, 29.0, "ERROR", where, f"health check failed: {why}"))


# -- notebooks


def _jupyter(page: Page, seconds: float, level: str, text: str, app: str = "ServerApp") -> None:
    page.err(seconds, f"[{level} {page.time(seconds, '%Y-%m-%d %H:%M:%S.%f')[:-3]} {app}] {text}")


def _extensions(page: Page) -> None:
    page.err(0.6, "Entered start.sh with args: start-notebook.py\nExecuting the command: start-notebook.py")
    for index, name in enumerate(("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook")):
        _jupyter(page, 2.0 + 0.1 * index, "I", f"{name} | extension was successfully linked.")
    _jupyter(
        page, 2.6, "I", "JupyterLab extension loaded from /opt/conda/lib/python3.12/site-packages", "LabApp"
    )


def jupyter_starts(page: Page) -> None:
    """With a token of its own making."""
    _extensions(page)
    token = page.secret(48)
    _jupyter(page, 3.0, "I", "Serving notebooks from local directory: /home/jovyan")
    _jupyter(page, 3.1, "I", "Jupyter Server 2.15.0 is running at:")
    _jupyter(page, 3.2, "I", f"http://localhost:8888/lab?token={token}")
    _jupyter(page, 3.3, "I", f"    http://127.0.0.1:8888/lab?token={token}")
    _jupyter(
        page,
        3.4,
        "I",
        "Use Control-C to stop this server and shut down all kernels (twice to skip confirmation).",
    )
    _jupyter(
        page,
        3.5,
        "C",
        "\n    \n    To access the server, open this file in a browser:\n"
        "        file:///home/jovyan/.local/share/jupyter/runtime/jpserver-7-open.html\n"
        "    Or copy and paste one of these URLs:\n"
        f"        http://localhost:8888/lab?token={token}\n        http://127.0.0.1:8888/lab?token={token}",
    )


def open_jupyter_starts(page: Page) -> None:
    """Without any authentication, as it says itself."""
    _extensions(page)
    _jupyter(
        page,
        2.8,
        "W",
        "All authentication is disabled.  Anyone who can connect to this server will be able to run code.",
    )
    _jupyter(page, 3.0, "I", "Serving notebooks from local directory: /home/jovyan")
    _jupyter(page, 3.1, "I", "Jupyter Server 2.15.0 is running at:")
    _jupyter(page, 3.2, "I", "http://localhost:8888/lab")
    _jupyter(page, 3.3, "I", "    http://127.0.0.1:8888/lab")


def jupyter_works(page: Page) -> None:
    """Notebooks that are saved, a kernel that is started."""
    dice = page.dice
    notebook = ("explore", "augmentations", "plots-for-paper", "Untitled1")[dice.randrange(4)]
    if page.number % 5 == 0:
        _jupyter(
            page,
            10.0,
            "I",
            f"Kernel started: {page.secret(8)}-3a{dice.randrange(16):x}1-4c0e-9d77-0242ac110002",
        )
    for index in range(dice.randrange(1, 4)):
        _jupyter(page, 40.0 + 80 * index + 20 * dice.random(), "I", f"Saving file at /work/{notebook}.ipynb")
    if dice.random() < 0.2:
        _jupyter(page, 280.0, "W", f"Notebook work/{notebook}.ipynb is not trusted")


def jupyter_ends(page: Page) -> None:
    """It is asked to stop and does."""
    if page.run.exit_code == 0:
        _jupyter(page, 0.0, "C", "received signal 15, stopping")
        _jupyter(page, 0.0, "I", "Shutting down 5 extensions")


# -- optuna-db


def _postgres(page: Page, seconds: float, process_id: int, text: str) -> None:
    stamp = page.time(seconds, "%Y-%m-%d %H:%M:%S.%f")[:-3]
    page.err(seconds, f"{stamp} UTC [{process_id}] {text}")


def postgres_starts(page: Page) -> None:
    """It finds its database."""
    page.out(0.1, "\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n")
    _postgres(page, 0.6, 1, "LOG:  starting PostgreSQL 16.8 (Debian 16.8-1.pgdg120+1) on x86_64-pc-linux-gnu")
    _postgres(page, 0.7, 1, 'LOG:  listening on IPv4 address "0.0.0.0", port 5432')
    _postgres(page, 1.4, 1, "LOG:  database system is ready to accept connections")


def postgres_works(page: Page) -> None:
    """Checkpoints, and a statement that fails."""
    buffers = page.dice.randrange(20, 400)
    _postgres(page, 30.0, 27, "LOG:  checkpoint starting: time")
    if page.dice.random() < 0.1:
        _postgres(
            page,
            31.0,
            4100 + page.number % 900,
            'ERROR:  duplicate key value violates unique constraint "uq_trial"',
        )
    _postgres(
        page,
        50.0,
        27,
        f"LOG:  checkpoint complete: wrote {buffers} buffers ({buffers / 163.84:.1f}%); 0 WAL file(s) added, "
        f"0 removed, 0 recycled; write={buffers / 10:.3f} s, sync=0.011 s, total={buffers / 10 + 0.03:.3f} s",
    )


def postgres_ends(page: Page) -> None:
    """It is asked to stop and does."""
    if page.run.exit_code == 0:
        _postgres(page, 0.0, 1, "LOG:  received fast shutdown request")
        _postgres(page, 0.0, 1, "LOG:  database system is shut down")


# -- rl-sim


def ray_starts(page: Page) -> None:
    """The head node is up."""
    page.out(
        4.0,
        "Local node IP: 172.19.0.7\n\n--------------------\nRay runtime started.\n--------------------\n\n"
        "To add another node to this Ray cluster, run\n    ray start --address='172.19.0.7:6379'",
    )
    page.err(
        5.0, f"{page.time(5.0, '%Y-%m-%d %H:%M:%S,%f')[:-3]}\tINFO usage_lib.py:467 -- Usage stats are off."
    )


def ray_works(page: Page) -> None:
    """Iterations of the training in the simulator."""
    for index in range(4):
        iteration = page.number * 4 + index
        reward = 212.0 * (1 - 0.999 ** min(iteration, 4000)) + 12 * page.dice.random()
        page.out(
            3.0 + 14.0 * index,
            f"(PPO pid=214) iter={iteration} episode_reward_mean={reward:.2f} "
            f"env_steps={iteration * 4000} time_s={13.2 + page.dice.random():.2f}",
        )
    if page.dice.random() < 0.1:
        page.err(
            58.0,
            f"(raylet) [{page.time(58.0, '%Y-%m-%d %H:%M:%S,%f')[:-3]} E 91 91] (raylet) "
            "file_system_monitor.cc:116: /tmp/ray is over 95% full, available space: 21.4 GB; "
            "capacity: 502.0 GB. Object creation will fail if spilling is required.",
        )
