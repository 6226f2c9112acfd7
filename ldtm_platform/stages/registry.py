"""Where trained models go: the checkpoint store, and the warehouse's registry and run log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import polars as pl
import sqlalchemy as sa

from ldtm_platform.fleet.results import Unfit
from ldtm_platform.models.checkpoint import Manifest
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.warehouse import reads, writes


@dataclass(frozen=True)
class Registry:
    """Of one run: keep is how many checkpoints of a ticker stay, run_id goes into the log."""

    engine: sa.Engine
    store: CheckpointStore
    keep: int
    run_id: str | None

    def register(self, manifest: Manifest) -> date | None:
        """Record a model that the store holds, log its training, make it champion; all in one transaction.

        A version that is registered and kept already changes nothing: a champion that was moved back stays where it is.
        A champion of newer data stays too: then the day is returned through which that one was trained.
        """
        champion = reads.champions(self.engine, date.max, manifest.family, manifest.ticker)
        newer = next((day for day in champion["trained_through"] if day > manifest.trained_through), None)
        with self.engine.begin() as connection:
            if not writes.register_version(connection, manifest.model_dump(mode="python")):
                return None
            writes.log_runs(connection, self._log(manifest.ticker, "success", manifest=manifest))
            # A model of older data, trained to replay the past, does not take the title from a newer one.
            if newer is None:
                writes.promote(
                    connection,
                    ticker=manifest.ticker,
                    family=manifest.family,
                    version=manifest.version,
                    reason="trained",
                )
        # A model that was trained to replay the past is older than those kept, and was asked for all the same.
        self._prune(manifest.ticker, manifest.family, protect={manifest.version, *champion["version"]})
        return newer

    def _prune(self, ticker: str, family: str, protect: Collection[str]) -> None:
        """Delete all but the newest checkpoints of a ticker, its champion, and those protected.

        The registry says so first: killed in between, it offers no version whose files may be gone, and the next
        prune, which goes by what is on disk, deletes them.
        """
        on_disk = self.store.versions(ticker, family)
        with self.engine.begin() as connection:
            doomed = writes.mark_pruned(connection, [each for each in on_disk[: -self.keep] if each not in protect])
        self.store.prune(ticker, family, keep=self.keep, protect=set(on_disk) - set(doomed))

    def leave_word(self, unfit: Unfit) -> None:
        """Log why a ticker has no new model."""
        status = "skipped" if unfit.state == "too_little_history" else "failed"
        with self.engine.begin() as connection:
            writes.log_runs(connection, self._log(unfit.ticker, status, message=unfit.message))

    def leave_out(self, ticker: str, reason: str) -> None:
        """Log why a ticker is not trained."""
        with self.engine.begin() as connection:
            writes.log_runs(connection, self._log(ticker, "skipped", message=reason))

    def _log(self, ticker: str, status: str, *, manifest: Manifest | None = None, message: str = "") -> pl.DataFrame:
        row: dict[str, object] = {"ticker": ticker, "mode": "train", "status": status, "dagster_run_id": self.run_id}
        if manifest:
            row |= {
                "duration_sec": manifest.duration_sec,
                "epochs_run": manifest.epochs_run,
                "best_val_loss": manifest.best_val_loss,
                "run_date": manifest.trained_through,
                "model_version": manifest.version,
            }
        return pl.DataFrame([row | {"duration_sec": row.get("duration_sec", 0.0), "error_msg": message or None}])
