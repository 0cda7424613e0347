"""Settings, read from the environment by the command line only, and passed in."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every variable is EASEL_ and the name in capitals; PORT and HOST are also read without it."""

    model_config = SettingsConfigDict(env_prefix="EASEL_", extra="ignore")

    data: Path = Field(Path("data"), description="Folder for the database, pictures, installed weights and the secret.")
    host: str = Field(
        "127.0.0.1", validation_alias=AliasChoices("EASEL_HOST", "HOST"), description="Address to listen on."
    )
    port: int = Field(8000, validation_alias=AliasChoices("EASEL_PORT", "PORT"), description="Port to listen on.")
    public_url: str | None = Field(
        None, description="Base of the links handed out; the request's own address otherwise."
    )
    database_url: str | None = Field(
        None, description="postgresql:// URL; the embedded server in the data folder otherwise."
    )
    storage_url: str | None = Field(
        None, description="s3://, gs://, az:// or file:// URL for pictures; a folder otherwise."
    )
    secret: str | None = Field(
        None, description="Signs links and cookies; made at first start otherwise. Share it between gateways."
    )
    wait_seconds: float = Field(
        20.0, ge=0, le=25, description="How long a submit waits for its pictures before it answers 'processing'."
    )
    default_model: str = Field("easel-starter", description="The model of a request that names none.")
    lease_seconds: float = Field(30.0, gt=1, description="How long a silent worker keeps its jobs.")
    deterministic: bool | None = Field(
        None, description="Bit-for-bit pictures whatever shares the batch; on by default on a CPU."
    )
    threads: int | None = Field(None, description="CPU threads of a worker; all cores otherwise.")
    allow_private_urls: bool = Field(False, description="Let webhooks and image URLs reach private addresses.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool = Field(False, description="One JSON object a log line.")

    @property
    def local_url(self) -> str:
        """Where this machine reaches its own gateway."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
