import type { Endpoint } from "../endpoint.ts";
import { chat } from "./chat.ts";
import { compact } from "./compact.ts";
import { completions } from "./completions.ts";
import { embeddings } from "./embeddings.ts";
import { nativeCompletion } from "./llama-server.ts";
import { messages } from "./messages.ts";
import { ollamaChat, ollamaEmbed, ollamaGenerate } from "./ollama.ts";
import { rerank } from "./rerank.ts";
import { responses } from "./responses.ts";

/** Every endpoint of the table. To add one, write what `chat.ts` has, and put it here. */
export const endpoints: readonly Endpoint[] = [
  chat,
  responses,
  compact,
  messages,
  completions,
  embeddings,
  rerank,
  nativeCompletion,
  ollamaChat,
  ollamaGenerate,
  ollamaEmbed,
];
