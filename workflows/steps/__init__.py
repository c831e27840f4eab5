"""The executors of step types: how a step reaches plugins, agents and system actions."""

from workflows.engine.definition import AI_AGENT, PLUGIN_ACTION, SYSTEM_ACTION
from workflows.engine.outcome import Executor
from workflows.steps.ai_agent import AgentExecutor
from workflows.steps.causing import Causing
from workflows.steps.plugin_action import PluginExecutor
from workflows.steps.system_action import SystemActionExecutor

EXECUTORS: dict[str, Executor] = {
    SYSTEM_ACTION: Causing(SystemActionExecutor()),
    PLUGIN_ACTION: Causing(PluginExecutor()),
    AI_AGENT: Causing(AgentExecutor()),
}
QUEUES = {PLUGIN_ACTION: "plugins", AI_AGENT: "agents"}
"""Where outside steps are done; everything else is done in line, on the default queue."""
