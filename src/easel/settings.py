"""Settings, read from the environment by the command line only, and passed in."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ByteSize, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from easel.kit.mail import check_smtp_url


def _absolute_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url


def _base_url(url: str) -> str:
    return _absolute_url(url).rstrip("/")


def _smtp_url(url: str) -> str:
    check_smtp_url(url)
    return url


def _bytes_or_auto(said: object) -> object:
    return None if said == "auto" else said


Memory = Annotated[ByteSize | None, BeforeValidator(_bytes_or_auto)]
"""Bytes, such as 8GiB or 500MB; `auto` or nothing leaves it to the machine."""


class Settings(BaseSettings):
    """Every variable is EASEL_ and the name in capitals; PORT is also read without it."""

    model_config = SettingsConfigDict(env_prefix="EASEL_", extra="ignore")

    data: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        Path("data"), description="Folder for the database, the pictures and the secret."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8000, ge=1, le=65535, validation_alias=AliasChoices("EASEL_PORT", "PORT"), description="Port to listen on."
    )
    public_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        None, description="Base of the links handed out; the request's own address otherwise."
    )
    database_url: str | None = Field(
        None, description="postgresql:// URL; the embedded server in the data folder otherwise."
    )
    storage_url: str | None = Field(
        None, description="s3://, gs://, az:// or file:// URL for pictures; a folder otherwise."
    )
    secret: str | None = Field(
        None,
        min_length=32,
        description="Signs links and cookies; made at first start otherwise. All gateways and workers share it.",
    )
    wait_seconds: float = Field(
        20.0, ge=0, le=20, description="How long a submit waits for its pictures before it answers 'processing'."
    )
    gateways: int = Field(
        1,
        ge=1,
        le=64,
        description="How many HTTP processes `easel serve` runs on the port, for many requests a second.",
    )
    max_wait_hours: float = Field(
        24.0, gt=0, le=168, description="How long a request waits in the queue before it fails and costs nothing."
    )
    keep_days: float | None = Field(
        None, gt=0, description="How long pictures are kept; for ever otherwise. Temporary ones are kept for a day."
    )
    enhance_prompt: bool = Field(
        False, description="What ModelsLab's enhance_prompt is in a request that leaves it out."
    )
    translator: str | None = Field(
        None,
        description="Puts prompts into English for multi_lingual: a command that reads the text and writes its "
        "translation, or a Python function as module:function. No prompt is translated without one.",
    )
    safety_checker: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        None,
        description="Folder of a StableDiffusionSafetyChecker in diffusers' layout, which workers look at pictures "
        "with when safety_checker is asked for; without one they say that nobody looked. ModelsLab's nsfw_image_check "
        "is answered by workers that have one.",
    )
    default_model: str = Field("easel-starter", description="The model of a request that names none.")
    a1111_open: bool = Field(
        False,
        description="Let clients of AUTOMATIC1111's API come without a key, and draw as the owner: for a machine that "
        "nobody else reaches.",
    )
    lease_seconds: float = Field(30.0, gt=1, description="How long a silent worker keeps its jobs.")
    deterministic: bool | None = Field(
        None, description="Bit-for-bit pictures whatever shares the batch; on by default on a CPU."
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads of a worker; all cores otherwise, shared by the workers that `easel serve` starts.",
    )
    weight_memory: Memory = Field(
        None,
        description="Memory a worker keeps checkpoints in, such as 8GiB; half of the machine's, shared by the workers "
        "that `easel serve` starts, otherwise.",
    )
    gpu_weight_memory: Memory = Field(
        None, description="Of a GPU's memory, the same; six tenths of it otherwise. The rest draws."
    )
    backend: Literal["auto", "eager", "recorded", "compiled", "openvino", "openvino-int8"] = Field(
        "auto",
        description="How networks are run: auto picks the faster of eager and recorded, which give the same bits; the "
        "others give bits of their own, so all workers of an installation should have the same.",
    )
    modelslab_defaults: dict[str, str | float | bool] = Field(
        {},
        description="JSON of what fields of the ModelsLab API are when they are left out, such as "
        '`{"use_karras_sigmas": "yes", "safety_checker": "yes"}`.',
    )
    old_paths_answer_200: bool = Field(
        False,
        description="Errors of ModelsLab's v3, v4 and v5 paths carry HTTP status 200, as their clients knew them.",
    )
    allow_private_urls: bool = Field(False, description="Let webhooks and image URLs reach private addresses.")
    stripe_secret_key: str | None = Field(None, description="Of the Stripe account that cards are charged for.")
    stripe_webhook_secret: str | None = Field(
        None, description="Signs Stripe's events, sent to /api/payments/stripe; without it no card is charged."
    )
    stripe_api_base: str | None = Field(None, description="Another server than Stripe's own, for tests.")
    least_top_up: Annotated[Decimal, Field(gt=0)] = Field(
        Decimal(10), description="The smallest top-up by card, in dollars."
    )
    signup: Literal["closed", "open", "oidc"] = Field(
        "closed",
        description="Who may make an account: nobody but the operator, everybody, or people of the OIDC provider.",
    )
    verify_email: bool | None = Field(
        None, description="Make an account only after its mailed link was opened; on where mail is sent."
    )
    smtp_url: Annotated[str, AfterValidator(_smtp_url)] | None = Field(
        None,
        description="smtp://user:password@host (STARTTLS), smtps:// or smtp+plain://; mail goes to the log otherwise.",
    )
    mail_from: str = Field("Easel <easel@localhost>", description="Sender of mail.")
    oidc_issuer: Annotated[str, AfterValidator(_absolute_url)] | None = Field(
        None, description="OpenID Connect provider for signing in; its callback is /login/oidc/callback."
    )
    oidc_client_id: str | None = Field(None, description="What the provider calls this installation.")
    oidc_client_secret: str | None = Field(None, description="The secret that the provider gave to it.")
    oidc_name: str = Field("single sign-on", description="What the sign-in button calls the provider.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    log_json: bool = Field(False, description="One JSON object a log line.")

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.smtp_url and not self.public_url:
            raise ValueError("EASEL_SMTP_URL needs EASEL_PUBLIC_URL as well: it begins the links in the mail")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_client_secret):
            raise ValueError("EASEL_OIDC_ISSUER needs EASEL_OIDC_CLIENT_ID and EASEL_OIDC_CLIENT_SECRET as well")
        if self.signup == "oidc" and not self.oidc_issuer:
            raise ValueError("EASEL_SIGNUP=oidc needs EASEL_OIDC_ISSUER as well")
        return self

    @property
    def home_url(self) -> str:
        """Where people find this installation."""
        return self.public_url or self.local_url

    @property
    def cache(self) -> Path:
        """What can be made again: measurements, and networks converted and calibrated."""
        return self.data / "cache"

    @property
    def local_url(self) -> str:
        """Where this machine reaches its own gateway."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
