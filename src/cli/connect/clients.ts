import { join } from "node:path";
import type { Edit, Format } from "./edit.ts";

/** What a client is connected to. */
export type Target = {
  /** The gateway's URL, without `/v1`. */
  readonly url: string;
  readonly model: string;
  /** The model's context in tokens, as far as it is known. */
  readonly context: number;
  /** Whether the gateway wants a key, which the client then takes from SLUICE_API_KEY. */
  readonly hasKey: boolean;
  readonly canInfill: boolean;
};

/** Where programs keep their settings on this machine. */
export type Places = {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
};

/** A program that can be pointed at the gateway. */
export type Client = {
  readonly name: string;
  readonly title: string;
  /** Its settings file; absent if it has none that could be written. */
  readonly file?: (places: Places) => string;
  /** What is set in the file, which is JSON, YAML or TOML; or a whole file of ours. */
  readonly content?:
    | { readonly format: Format; readonly edits: (target: Target) => readonly Edit[] }
    | { readonly whole: (target: Target) => string };
  /** What is left to do by hand, a line each. */
  readonly steps: (target: Target) => readonly string[];
  /** Whether its prompts are long before the user's first word. */
  readonly isAgent?: true;
  /** Whether it is for completions in the middle of a text, which few models can do. */
  readonly fills?: true;
};

/** The part of the context that an answer may take. */
const ANSWER_SHARE = 4;
const NO_KEY = "none";

const answerTokens = ({ context }: Target) => Math.max(256, Math.floor(context / ANSWER_SHARE));
const v1 = ({ url }: Target) => `${url}/v1`;
const config = ({ home, env }: Places) => env.XDG_CONFIG_HOME || join(home, ".config");
const needsKey = (what: string, { hasKey }: Target) => (hasKey ? [`Set SLUICE_API_KEY to your key for ${what}.`] : []);

/** Where VS Code keeps the user's settings: https://code.visualstudio.com/docs/configure/settings. */
function codeFolder({ home, platform, env }: Places): string {
  if (platform === "darwin") return join(home, "Library", "Application Support", "Code", "User");
  if (platform === "win32") return join(env.APPDATA || join(home, "AppData", "Roaming"), "Code", "User");
  return join(config({ home, platform, env }), "Code", "User");
}

const llamaVim = (target: Target) => `" Written by sluice connect. llama.vim reads it before it starts.
let g:llama_config = extend(get(g:, 'llama_config', {}), {
  \\ 'endpoint_fim': '${target.url}/infill',
  \\ 'endpoint_inst': '${v1(target)}/chat/completions',
  \\ 'model_fim': '${target.model}',
  \\ 'model_inst': '${target.model}',
  \\ 'api_key': ${target.hasKey ? "$SLUICE_API_KEY" : "''"},
  \\ })
`;

/** The programs, as docs/clients.md describes them. No secret is written: each takes the key from the environment. */
export const CLIENTS: readonly Client[] = [
  {
    name: "codex",
    title: "Codex CLI",
    isAgent: true,
    file: ({ home, env }) => join(env.CODEX_HOME || join(home, ".codex"), "config.toml"),
    content: {
      format: "toml",
      edits: (target) => [
        { path: ["model"], value: target.model },
        { path: ["model_provider"], value: "sluice" },
        { path: ["model_context_window"], value: target.context },
        { path: ["web_search"], value: "disabled" },
        {
          path: ["model_providers", "sluice"],
          value: {
            ...{ name: "Sluice", base_url: v1(target), wire_api: "responses" },
            ...(target.hasKey && { env_key: "SLUICE_API_KEY" }),
          },
        },
      ],
    },
    steps: (target) => [...needsKey("codex", target), "Start it: codex"],
  },
  {
    name: "claude-code",
    title: "Claude Code",
    isAgent: true,
    file: ({ home, env }) => join(env.CLAUDE_CONFIG_DIR || join(home, ".claude"), "settings.json"),
    content: {
      format: "json",
      edits: (target) => [
        ...Object.entries({
          ANTHROPIC_BASE_URL: target.url,
          ANTHROPIC_MODEL: target.model,
          ANTHROPIC_SMALL_FAST_MODEL: target.model,
          CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(target.context),
          CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(answerTokens(target)),
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
          ...(!target.hasKey && { ANTHROPIC_AUTH_TOKEN: NO_KEY }),
        }).map(([name, value]) => ({ path: ["env", name], value })),
        // A command that prints the key: https://code.claude.com/docs/en/settings
        ...(target.hasKey ? [{ path: ["apiKeyHelper"], value: "printenv SLUICE_API_KEY" }] : []),
      ],
    },
    steps: (target) => [...needsKey("claude", target), "Start it: claude"],
  },
  {
    name: "opencode",
    title: "opencode",
    isAgent: true,
    file: (places) => join(config(places), "opencode", "opencode.json"),
    content: {
      format: "json",
      edits: (target) => [
        { path: ["$schema"], default: "https://opencode.ai/config.json" },
        { path: ["model"], value: `sluice/${target.model}` },
        { path: ["small_model"], value: `sluice/${target.model}` },
        {
          path: ["provider", "sluice"],
          value: {
            ...{ npm: "@ai-sdk/openai-compatible", name: "Sluice" },
            options: { baseURL: v1(target), apiKey: target.hasKey ? "{env:SLUICE_API_KEY}" : NO_KEY },
            models: { [target.model]: { limit: { context: target.context, output: answerTokens(target) } } },
          },
        },
      ],
    },
    steps: (target) => [...needsKey("opencode", target), "Start it: opencode"],
  },
  {
    name: "aider",
    title: "aider",
    isAgent: true,
    file: ({ home }) => join(home, ".aider.conf.yml"),
    content: {
      format: "yaml",
      edits: (target) => [
        { path: ["model"], value: `openai/${target.model}` },
        { path: ["openai-api-base"], value: v1(target) },
        ...(target.hasKey ? [] : [{ path: ["openai-api-key"], value: NO_KEY }]),
      ],
    },
    steps: ({ hasKey }) => [
      ...(hasKey ? ["Set OPENAI_API_KEY to your key: aider takes it from there."] : []),
      "Start it: aider",
    ],
  },
  {
    name: "continue",
    title: "Continue (VS Code, JetBrains, cn)",
    file: ({ home }) => join(home, ".continue", "config.yaml"),
    content: {
      format: "yaml",
      edits: (target) => [
        ...[
          ["name", "Sluice"],
          ["version", "1.0.0"],
          ["schema", "v1"],
        ].map(([name = "", value = ""]) => ({ path: [name], default: value })),
        {
          path: ["models"],
          by: "name",
          item: {
            ...{ name: "Sluice", provider: "openai", model: target.model, apiBase: v1(target) },
            // https://docs.continue.dev/customize/deep-dives/secrets
            apiKey: target.hasKey ? `\${{ secrets.SLUICE_API_KEY }}` : NO_KEY,
            roles: ["chat", "edit", "apply", ...(target.canInfill ? ["autocomplete"] : [])],
            defaultCompletionOptions: { contextLength: target.context, maxTokens: answerTokens(target) },
          },
        },
      ],
    },
    steps: ({ hasKey }) => [
      ...(hasKey ? ["Put SLUICE_API_KEY=YOUR_KEY into ~/.continue/.env."] : []),
      "In the editor, choose Sluice as the model.",
    ],
  },
  {
    name: "zed",
    title: "Zed",
    file: (places) => join(config(places), "zed", "settings.json"),
    content: {
      format: "json",
      edits: (target) => [
        {
          path: ["language_models", "openai_compatible", "Sluice"],
          value: {
            api_url: v1(target),
            available_models: [
              {
                ...{ name: target.model, display_name: `${target.model} (Sluice)`, max_tokens: target.context },
                max_output_tokens: answerTokens(target),
                capabilities: { tools: true, images: false, parallel_tool_calls: true, prompt_cache_key: true },
              },
            ],
          },
        },
        { path: ["agent", "default_model"], value: { provider: "Sluice", model: target.model } },
      ],
    },
    steps: ({ hasKey }) => [
      hasKey
        ? "In Zed's agent settings, give the provider Sluice your key; or start Zed with SLUICE_API_KEY set."
        : "In Zed's agent settings, give the provider Sluice any text as its key.",
    ],
  },
  {
    name: "llama-vscode",
    title: "llama.vscode",
    fills: true,
    file: (places) => join(codeFolder(places), "settings.json"),
    content: {
      format: "json",
      edits: ({ url }) =>
        ["endpoint", "endpoint_chat", "endpoint_tools"].map((name) => ({
          path: [`llama-vscode.${name}`],
          value: url,
        })),
    },
    steps: (target) => [...(target.hasKey ? ["In VS Code's settings, set llama-vscode.api_key to your key."] : [])],
  },
  {
    name: "neovim",
    title: "llama.vim in Neovim",
    fills: true,
    file: (places) => join(config(places), "nvim", "plugin", "sluice.vim"),
    content: { whole: llamaVim },
    steps: (target) => ["Install the plugin ggml-org/llama.vim.", ...needsKey("nvim", target)],
  },
  {
    name: "vim",
    title: "llama.vim in Vim",
    fills: true,
    file: ({ home }) => join(home, ".vim", "plugin", "sluice.vim"),
    content: { whole: llamaVim },
    steps: (target) => ["Install the plugin ggml-org/llama.vim.", ...needsKey("vim", target)],
  },
  {
    name: "jetbrains",
    title: "JetBrains' AI Assistant",
    steps: (target) => [
      "Open Settings | Tools | AI Assistant | Models & API keys.",
      "Under third-party AI providers choose “OpenAI-compatible”.",
      `URL: ${v1(target)}`,
      target.hasKey ? "API key: your key" : "API key: none is needed",
      `Model: ${target.model}`,
    ],
  },
  {
    name: "minuet",
    title: "minuet-ai.nvim",
    fills: true,
    steps: (target) => [
      "In your Neovim settings, in require('minuet').setup:",
      "  provider = 'openai_fim_compatible',",
      "  provider_options = { openai_fim_compatible = {",
      `    name = 'Sluice', end_point = '${v1(target)}/completions', model = '${target.model}',`,
      `    api_key = ${target.hasKey ? "'SLUICE_API_KEY'" : "function() return 'none' end"},`,
      "  } },",
    ],
  },
  {
    name: "open-webui",
    title: "Open WebUI",
    steps: (target) => [
      "Start it with these variables:",
      `  OPENAI_API_BASE_URL=${v1(target)} OPENAI_API_KEY=${target.hasKey ? "$SLUICE_API_KEY" : NO_KEY} ENABLE_OLLAMA_API=false open-webui serve`,
    ],
  },
];
