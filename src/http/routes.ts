import type { Handler } from "hono";
import type { CacheControl } from "../cache/stats.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Access } from "../keys/access.ts";
import type { PresetLibrary } from "../prompts/library.ts";
import type { WarmUp } from "../prompts/warm-up.ts";
import type { ModelLibrary } from "../routing/library.ts";
import type { HttpEnv } from "./context.ts";
import { type ErrorForm, LLAMA_SERVER_ERRORS } from "./error-form.ts";
import type { Operation } from "./openapi/operation.ts";
import * as admin from "./openapi/operations/admin.ts";
import * as batch from "./openapi/operations/batches.ts";
import { createChatCompletion } from "./openapi/operations/chat.ts";
import * as chats from "./openapi/operations/chats-stored.ts";
import * as comparison from "./openapi/operations/comparison.ts";
import { createCompletion } from "./openapi/operations/completions.ts";
import * as conversation from "./openapi/operations/conversations.ts";
import * as embedding from "./openapi/operations/embeddings.ts";
import * as file from "./openapi/operations/files.ts";
import * as itemStream from "./openapi/operations/item-stream.ts";
import * as key from "./openapi/operations/keys.ts";
import * as library from "./openapi/operations/library.ts";
import { showLive as showLiveOperation } from "./openapi/operations/live.ts";
import * as llamaServer from "./openapi/operations/llama-server.ts";
import { mcp as mcpOperation } from "./openapi/operations/mcp.ts";
import * as messageBatch from "./openapi/operations/message-batches.ts";
import * as message from "./openapi/operations/messages.ts";
import * as model from "./openapi/operations/models.ts";
import * as ollama from "./openapi/operations/ollama.ts";
import * as recent from "./openapi/operations/requests.ts";
import * as response from "./openapi/operations/responses.ts";
import * as service from "./openapi/operations/service.ts";
import { stop } from "./openapi/operations/stop.ts";
import * as stream from "./openapi/operations/streams.ts";
import * as text from "./openapi/operations/text.ts";
import * as upload from "./openapi/operations/uploads.ts";
import { whatIf } from "./openapi/operations/what-if.ts";
import { pathReader } from "./path.ts";
import type { Reload } from "./reload.ts";
import { type BatchesDeps, cancelBatch, createBatch, listBatches, showBatch } from "./routes/batches.ts";
import { clearCache, showCache, warmCache } from "./routes/cache.ts";
import { chatCompletions } from "./routes/chat.ts";
import { deleteChat, listChatMessages, listChats, showChat, updateChat } from "./routes/chats-stored.ts";
import { compactResponse } from "./routes/compact.ts";
import { showComparison } from "./routes/comparison.ts";
import { completions } from "./routes/completions.ts";
import {
  addConversationItems,
  createConversation,
  deleteConversation,
  deleteConversationItem,
  listConversationItems,
  showConversation,
  showConversationItem,
  updateConversation,
} from "./routes/conversations.ts";
import { docsPage, openapiDocument } from "./routes/docs.ts";
import { embeddings, rerank } from "./routes/embeddings.ts";
import { explainRoutes } from "./routes/explain-routes.ts";
import { createFile, deleteFile, type FilesDeps, listFiles, showFile, showFileContent } from "./routes/files.ts";
import { health, ready } from "./routes/health.ts";
import { countInputTokens } from "./routes/input-tokens.ts";
import { type StreamDeps, streamItems } from "./routes/items.ts";
import { createKey, deleteKey, listKeys } from "./routes/keys.ts";
import { listLibrary, pinModel } from "./routes/library.ts";
import { type LiveFeed, showLive } from "./routes/live.ts";
import {
  infill,
  listLoraAdapters,
  nativeCompletion,
  nativeEmbedding,
  setLoraAdapters,
  showProps,
  showSlots,
} from "./routes/llama-server.ts";
import { serveMcp } from "./routes/mcp.ts";
import {
  cancelMessageBatch,
  createMessageBatch,
  deleteMessageBatch,
  listMessageBatches,
  showMessageBatch,
  showMessageResults,
} from "./routes/message-batches.ts";
import { countMessageTokens, createMessage } from "./routes/messages.ts";
import { showMetrics } from "./routes/metrics.ts";
import { loadModel, unloadModel } from "./routes/model-loading.ts";
import { listModels, showModel } from "./routes/models.ts";
import { ollamaChat, ollamaGenerate } from "./routes/ollama.ts";
import { deleteModel, pullModel } from "./routes/ollama-library.ts";
import {
  listRunning,
  listTags,
  ollamaEmbed,
  ollamaEmbeddings,
  showOllamaModel,
  showOllamaVersion,
} from "./routes/ollama-models.ts";
import { reloadSettings } from "./routes/reload.ts";
import { listRequests, type RecentRequests, showRequest } from "./routes/requests.ts";
import { createResponse, type ResponsesDeps } from "./routes/responses.ts";
import { connectResponses } from "./routes/responses-socket.ts";
import { cancelResponse, deleteResponse, listInputItems, showResponse } from "./routes/responses-stored.ts";
import { stopGateway } from "./routes/stop.ts";
import { deleteStream, readStream } from "./routes/streams.ts";
import { applyPreset, applyTemplate, detokenize, tokenize } from "./routes/text.ts";
import { addUploadPart, cancelUpload, completeUpload, createUpload } from "./routes/uploads.ts";
import { showUsage } from "./routes/usage.ts";
import { changeVersion, listVersions } from "./routes/versions.ts";
import { type AskWhatIf, askWhatIf } from "./routes/what-if.ts";
import type { RequestStop } from "./stop.ts";
import type { ModelVersions } from "./versions.ts";

/** The dependencies of the routes for stored objects. */
type StoredDeps = ResponsesDeps & FilesDeps & BatchesDeps & Pick<StreamDeps, "callAs" | "maxConnections">;

/** The dependencies of all routes. */
export type RouteDeps = StoredDeps & {
  readonly embed: Embed;
  readonly library: ModelLibrary | undefined;
  readonly gatewayId: string;
  /** Whether the gateway is about to stop. */
  readonly isLeaving: () => boolean;
  /** Undefined if there are no metrics. */
  readonly writeMetrics: (() => string) | undefined;
  readonly presets: PresetLibrary;
  /** Whether presets are listed among the models. */
  readonly listsPresets: boolean;
  readonly access: Access | undefined;
  readonly cache: CacheControl | undefined;
  readonly warmUp: Pick<WarmUp, "add" | "state"> | undefined;
  readonly reload: Reload | undefined;
  /** Undefined where another program stops the gateway. */
  readonly requestStop: RequestStop | undefined;
  readonly live: LiveFeed | undefined;
  /** The last requests; undefined if none are kept. */
  readonly requests: RecentRequests | undefined;
  /** Simulates other settings; undefined if no requests are kept. */
  readonly whatIf: AskWhatIf | undefined;
  readonly versions: ModelVersions | undefined;
  /** The maximum size of a request's body, and of a WebSocket message, in bytes. */
  readonly maxBodyBytes: number;
  /** Origins that browsers may call from, or `*`. */
  readonly corsOrigins: readonly string[];
  /** The maximum size of all WebSockets' memories together, in bytes; 256 MiB if absent. */
  readonly maxRememberedBytes?: number;
};

/** An operation and its handler. */
export type Route = Operation & {
  readonly answer: (deps: RouteDeps) => Handler<HttpEnv>;
  /** The form of all errors at its path; OpenAI's if absent. */
  readonly errorForm?: ErrorForm;
};

/** The routes of llama-server's own API. */
const llamaServerRoutes: readonly Route[] = [
  { ...llamaServer.createCompletion, answer: nativeCompletion },
  { ...llamaServer.createInfill, answer: infill },
  { ...llamaServer.createEmbedding, answer: nativeEmbedding },
  { ...llamaServer.reranking, answer: rerank },
  { ...llamaServer.showProps, answer: ({ models }: RouteDeps) => showProps(models) },
  { ...llamaServer.showSlots, answer: ({ models }: RouteDeps) => showSlots(models) },
  { ...llamaServer.listLoraAdapters, answer: listLoraAdapters },
  { ...llamaServer.setLoraAdapters, answer: setLoraAdapters },
  { ...llamaServer.loadModel, answer: ({ models }: RouteDeps) => loadModel(models) },
  { ...llamaServer.unloadModel, answer: ({ models }: RouteDeps) => unloadModel(models) },
].map((route) => ({ ...route, errorForm: LLAMA_SERVER_ERRORS }));

/**
 * Every route, in the document's order. To add one, describe it with the schemas that decode and encode it, and add a line here: the app,
 * the paths that need no key, and the API's description are made from this table.
 */
export const routes: readonly Route[] = [
  { ...createChatCompletion, answer: chatCompletions },
  { ...chats.listStoredChats, answer: ({ state }) => listChats(state) },
  { ...chats.retrieveStoredChat, answer: ({ state }) => showChat(state) },
  { ...chats.updateStoredChat, answer: ({ state }) => updateChat(state) },
  { ...chats.deleteStoredChat, answer: ({ state }) => deleteChat(state) },
  { ...chats.listStoredChatMessages, answer: ({ state }) => listChatMessages(state) },
  { ...response.createResponse, answer: createResponse },
  { ...response.connectResponses, answer: connectResponses },
  { ...response.compactResponse, answer: compactResponse },
  { ...response.countResponseTokens, answer: countInputTokens },
  { ...response.retrieveResponse, answer: showResponse },
  { ...response.deleteResponse, answer: deleteResponse },
  { ...response.cancelResponse, answer: cancelResponse },
  { ...response.listInputItems, answer: listInputItems },
  { ...stream.readStream, answer: ({ streams }) => readStream(streams) },
  { ...stream.deleteStream, answer: ({ streams }) => deleteStream(streams) },
  { ...conversation.createConversation, answer: createConversation },
  { ...conversation.retrieveConversation, answer: showConversation },
  { ...conversation.updateConversation, answer: updateConversation },
  { ...conversation.deleteConversation, answer: deleteConversation },
  { ...conversation.addConversationItems, answer: addConversationItems },
  { ...conversation.listConversationItems, answer: listConversationItems },
  { ...conversation.retrieveConversationItem, answer: showConversationItem },
  { ...conversation.deleteConversationItem, answer: deleteConversationItem },
  { ...message.createMessage, answer: createMessage },
  { ...message.countMessageTokens, answer: countMessageTokens },
  { ...messageBatch.createMessageBatch, answer: createMessageBatch },
  { ...messageBatch.listMessageBatches, answer: listMessageBatches },
  { ...messageBatch.retrieveMessageBatch, answer: showMessageBatch },
  { ...messageBatch.cancelMessageBatch, answer: cancelMessageBatch },
  { ...messageBatch.messageBatchResults, answer: showMessageResults },
  { ...messageBatch.deleteMessageBatch, answer: deleteMessageBatch },
  { ...createCompletion, answer: completions },
  { ...embedding.createEmbedding, answer: embeddings },
  { ...embedding.rerank, answer: rerank },
  { ...embedding.rerankAtRoot, answer: rerank },
  { ...file.createFile, answer: createFile },
  { ...file.listFiles, answer: listFiles },
  { ...file.retrieveFile, answer: showFile },
  { ...file.downloadFile, answer: showFileContent },
  { ...file.deleteFile, answer: deleteFile },
  { ...upload.createUpload, answer: createUpload },
  { ...upload.addUploadPart, answer: addUploadPart },
  { ...upload.completeUpload, answer: completeUpload },
  { ...upload.cancelUpload, answer: cancelUpload },
  { ...batch.createBatch, answer: createBatch },
  { ...batch.listBatches, answer: listBatches },
  { ...batch.retrieveBatch, answer: showBatch },
  { ...batch.cancelBatch, answer: cancelBatch },
  { ...itemStream.streamItems, answer: streamItems },
  {
    ...model.listModels,
    answer: ({ models, presets, listsPresets }) => listModels(models, presets, listsPresets),
  },
  { ...model.retrieveModel, answer: ({ models, presets }) => showModel(models, presets) },
  { ...text.tokenize, answer: ({ models }) => tokenize(models) },
  { ...text.detokenize, answer: ({ models }) => detokenize(models) },
  { ...text.applyTemplate, answer: ({ models, openPreset }) => applyTemplate(models, openPreset) },
  { ...text.applyPreset, answer: ({ openPreset }) => applyPreset(openPreset) },
  ...llamaServerRoutes,
  { ...ollama.chat, answer: ollamaChat },
  { ...ollama.generate, answer: ollamaGenerate },
  { ...ollama.embed, answer: ollamaEmbed },
  { ...ollama.embeddings, answer: ollamaEmbeddings },
  { ...ollama.tags, answer: ({ models, presets, listsPresets }) => listTags(models, presets, listsPresets) },
  { ...ollama.running, answer: ({ models }) => listRunning(models) },
  { ...ollama.show, answer: ({ models, presets }) => showOllamaModel(models, presets) },
  { ...ollama.version, answer: showOllamaVersion },
  { ...ollama.pull, answer: ({ library }) => pullModel(library) },
  { ...ollama.remove, answer: ({ library }) => deleteModel(library) },
  { ...mcpOperation, answer: serveMcp },
  { ...key.listKeys, answer: listKeys },
  { ...key.createKey, answer: createKey },
  { ...key.deleteKey, answer: deleteKey },
  { ...admin.listUsage, answer: ({ state, access }) => showUsage(state.usage, access) },
  { ...admin.showCache, answer: ({ cache, warmUp }) => showCache(cache, warmUp) },
  { ...admin.clearCache, answer: ({ cache }) => clearCache(cache) },
  { ...admin.warmCache, answer: ({ presets, warmUp }) => warmCache(presets, warmUp) },
  { ...recent.listRequests, answer: ({ requests, models, access }) => listRequests(requests, models, access?.keys) },
  { ...recent.showRequest, answer: ({ requests, models, access }) => showRequest(requests, models, access?.keys) },
  { ...whatIf, answer: ({ whatIf: ask }) => askWhatIf(ask) },
  { ...admin.explainRoutes, answer: ({ models }) => explainRoutes(models) },
  { ...admin.listVersions, answer: ({ versions }) => listVersions(versions) },
  { ...admin.promoteVersion, answer: ({ versions }) => changeVersion(versions, "promote") },
  { ...admin.rollbackVersion, answer: ({ versions }) => changeVersion(versions, "rollback") },
  { ...admin.reload, answer: ({ reload }) => reloadSettings(reload) },
  { ...stop, answer: ({ requestStop, models }) => stopGateway(requestStop, models) },
  { ...library.listLibrary, answer: listLibrary },
  { ...comparison.showComparison, answer: ({ state }) => showComparison(state.comparisons) },
  { ...library.pinModel, answer: pinModel },
  { ...showLiveOperation, answer: ({ live, access }) => showLive(live, access) },
  { ...service.health, answer: health },
  { ...service.ready, answer: ready },
  { ...service.metrics, answer: ({ writeMetrics }) => showMetrics(writeMetrics) },
  { ...service.openapi, answer: () => openapiDocument(routes) },
  { ...service.docs, answer: docsPage },
];

/** Where a setting says who may read. */
export const METRICS_PATH = service.metrics.path;

/** The path that is there only if a setting says so. */
export const MCP_PATH = mcpOperation.path;

/** Paths that reveal nothing about requests: probes and the API's description. */
export const OPEN_PATHS: readonly string[] = routes.filter(({ access }) => access === "open").map(({ path }) => path);

/** The gateway's own path prefixes. When mounted in another app it leaves all other paths alone. */
export const OWN_PATHS: readonly string[] = [
  ...new Set(
    routes.map(({ path }) => {
      const [, first, ...rest] = path.split("/");
      return rest.length === 0 ? `/${first}` : `/${first}/*`;
    }),
  ),
];

/** See `pathReader`. */
export const canonicalPath = pathReader(routes.map(({ path }) => path));

/** Converts a path to Hono's form: `/v1/models/:id{.+}` for `/v1/models/{id}`, whose ids may contain slashes. */
export function honoPath({ path, parameters = [] }: Operation): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const isGreedy = parameters.some((parameter) => parameter.name === name && parameter.isGreedy === true);
    return isGreedy ? `:${name}{.+}` : `:${name}`;
  });
}
