"""Jobs, their events, the legal moves and the workers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.BigInteger, nullable=False),
        sa.Column(
            "account_id",
            sa.BigInteger,
            sa.ForeignKey("accounts.id", name="fk_jobs_account_id_accounts"),
            nullable=False,
        ),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("priority", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("max_attempts", sa.BigInteger, nullable=False),
        sa.Column("available_at", TIME, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.UniqueConstraint("kind", "subject_id", name="uq_jobs_kind_subject_id"),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="ck_jobs_running_is_leased"),
    )
    op.create_index(
        "ix_jobs_queue", "jobs", [sa.text("priority DESC"), "id"], postgresql_where=sa.text("state = 'queued'")
    )
    op.create_index("ix_jobs_lease", "jobs", ["lease_until"], postgresql_where=sa.text("state = 'running'"))
    op.create_index(
        "ix_jobs_unfinished", "jobs", ["account_id"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.BigInteger, sa.ForeignKey("jobs.id", name="fk_job_events_job_id_jobs"), nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    op.create_index("ix_job_events_job_id", "job_events", ["job_id"])
    op.create_table(
        "job_moves",
        sa.Column("from_state", sa.Text, primary_key=True),
        sa.Column("to_state", sa.Text, primary_key=True),
    )
    op.execute(
        """
        INSERT INTO job_moves (from_state, to_state) VALUES
            ('queued', 'running'),    -- claimed
            ('queued', 'cancelled'),  -- its account no longer wants it
            ('queued', 'failed'),     -- can never be done
            ('running', 'done'),      -- delivered
            ('running', 'failed'),    -- ended without a result
            ('running', 'cancelled'), -- stopped at the next step
            ('running', 'queued')     -- the worker was lost, or asks for another try
        """
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("resident", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("heartbeat_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME),
    )
    op.execute(
        """
        CREATE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.state <> 'queued' THEN
                    RAISE EXCEPTION 'a job starts as queued, not as %', NEW.state;
                END IF;
                INSERT INTO job_events (job_id, from_state, to_state) VALUES (NEW.id, NULL, NEW.state);
            ELSIF NEW.state <> OLD.state THEN
                IF NOT EXISTS (SELECT 1 FROM job_moves WHERE from_state = OLD.state AND to_state = NEW.state) THEN
                    RAISE EXCEPTION 'job % cannot go from % to %', OLD.id, OLD.state, NEW.state;
                END IF;
                INSERT INTO job_events (job_id, from_state, to_state, worker_id)
                VALUES (NEW.id, OLD.state, NEW.state, COALESCE(NEW.worker_id, OLD.worker_id));
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER jobs_guard_moves AFTER INSERT OR UPDATE OF state ON jobs
        FOR EACH ROW EXECUTE FUNCTION guard_job_move();
        """
    )


def downgrade() -> None:
    for table in ("job_events", "job_moves", "workers", "jobs"):
        op.drop_table(table)
    op.execute("DROP FUNCTION guard_job_move()")
