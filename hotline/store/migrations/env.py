"""What Alembic runs: revisions on the connection that `hotline.store.upgrade` hands over."""

from alembic import context

from hotline.store.upgrade import alembic_options


def run() -> None:
    """Run the migrations asked for, inside the caller's transaction."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, **alembic_options())
    context.run_migrations()


run()
