"""The agents there are: one manifest a file in `catalog/`. A broken manifest is listed with its fault."""

import enum
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.conf import agent_settings
from agents.errors import AgentNotFound
from agents.providers.base import DEFAULT_MAX_TOKENS, DEFAULT_TEMPERATURE, DEFAULT_TIMEOUT_S, Provider

CATALOG = Path(__file__).parent / "catalog"
PROMPTS = Path(__file__).parent / "prompts"


class AgentType(enum.StrEnum):
    CODE_GENERATION = "code_generation"
    RESEARCH = "research"
    ANALYSIS = "analysis"
    SUMMARIZATION = "summarization"
    PLANNING = "planning"
    REVIEW = "review"


class AgentCapability(enum.StrEnum):
    TEXT_GENERATION = "text_generation"
    CODE_ANALYSIS = "code_analysis"
    WEB_SEARCH = "web_search"
    DOCUMENT_ANALYSIS = "document_analysis"
    IMAGE_ANALYSIS = "image_analysis"
    WORKFLOW_ORCHESTRATION = "workflow_orchestration"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Strict):
    """A prompt to try, with the words on its button."""

    label: str = Field(max_length=60)
    prompt: str = Field(max_length=8_000)


class AgentManifest(_Strict):
    """What a file of the catalog says. Defaults are those of every agent."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,48}$")
    title: str = Field(max_length=60)
    summary: str = Field(default="", max_length=200)
    type: AgentType
    capabilities: tuple[AgentCapability, ...] = ()
    provider: Literal["local", "claude"]
    model: str = Field(max_length=80, description="`default` means the operator's ANTHROPIC_MODEL.")
    icon: str = "sparkles"
    order: int = 100
    temperature: float = Field(default=DEFAULT_TEMPERATURE, ge=0, le=2)
    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=128_000)
    timeout_s: int = Field(default=DEFAULT_TIMEOUT_S, ge=1, le=600)
    thinking: Literal["", "adaptive", "disabled"] = ""
    effort: Literal["", "low", "medium", "high"] = ""
    system_prompt: str = Field(default="", description="Name of a file in prompts/, without its ending.")
    examples: tuple[Example, ...] = ()

    @property
    def instructions(self) -> str:
        """The words that set a model's task; empty when the manifest names none."""
        if not self.system_prompt:
            return ""
        return (PROMPTS / f"{self.system_prompt}.md").read_text(encoding="utf-8").strip()


class BrokenAgent(_Strict):
    """A manifest that could not be read: where it is and what is wrong, one line a fault."""

    file: str
    faults: tuple[str, ...]


class Catalog(_Strict):
    agents: tuple[AgentManifest, ...]
    broken: tuple[BrokenAgent, ...]

    def get(self, name: str) -> AgentManifest | None:
        return next((agent for agent in self.agents if agent.name == name), None)


def read_catalog(folder: Path) -> Catalog:
    """Read every manifest of a folder, in order of `order` and name; the faulty ones come apart."""
    agents: dict[str, AgentManifest] = {}
    broken: list[BrokenAgent] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            manifest = _read_manifest(path)
            if manifest.name in agents:
                raise ValueError(f"name: {manifest.name} is taken by another file")
            agents[manifest.name] = manifest
        except ValidationError as error:
            broken.append(BrokenAgent(file=path.name, faults=tuple(_faults(error))))
        except (OSError, ValueError, yaml.YAMLError) as error:
            broken.append(BrokenAgent(file=path.name, faults=(" ".join(str(error).split()),)))
    ordered = sorted(agents.values(), key=lambda agent: (agent.order, agent.name))
    return Catalog(agents=tuple(ordered), broken=tuple(broken))


def _read_manifest(path: Path) -> AgentManifest:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ValueError("The file must hold a mapping of fields, such as name and title.")
    if raw.get("model") == "default":
        raw["model"] = agent_settings().default_model
    manifest = AgentManifest.model_validate(raw)
    if manifest.system_prompt and not (PROMPTS / f"{manifest.system_prompt}.md").is_file():
        raise ValueError(f"system_prompt: there is no file prompts/{manifest.system_prompt}.md")
    return manifest


def _faults(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, fault['loc'])) or 'manifest'}: {fault['msg']}" for fault in error.errors()]


@cache
def _catalog(folder: str) -> Catalog:
    return read_catalog(Path(folder))


def catalog() -> Catalog:
    """The agents of this installation, read once per process."""
    return _catalog(str(CATALOG))


def agent_names() -> list[str]:
    """Names that `run_agent` accepts, for checks of workflow definitions."""
    return [agent.name for agent in catalog().agents]


def get_agent(name: str) -> AgentManifest:
    """The manifest of `name`.

    Raises:
        AgentNotFound: no readable manifest has that name.
    """
    found = catalog().get(name)
    if found is None:
        raise AgentNotFound(f"There is no agent called “{name}”. Available: {', '.join(agent_names())}.")
    return found


def make_provider(manifest: AgentManifest, credentials: Mapping[str, Any] | None = None) -> Provider:
    """The provider that answers for an agent."""
    if manifest.provider == "claude":
        from agents.providers.claude import ClaudeProvider

        return ClaudeProvider(manifest, credentials)
    from agents.providers.local import LocalProvider

    return LocalProvider(manifest, credentials)
