import type { UpstreamModel, UpstreamSettings } from "../config/upstreams.ts";
import type { Capabilities } from "../generation/backend.ts";
import { KINDS } from "./kinds.ts";

/**
 * What a model of an upstream can: as the settings say, else as its list tells, else as servers of its kind can.
 *
 * @param told what the upstream's list says of it, in the words of Ollama and Sluice; undefined if nothing is known
 */
export function capabilitiesOf(
  settings: Pick<UpstreamSettings, "kind" | "capabilities">,
  model: Pick<UpstreamModel, "capabilities">,
  told: readonly string[] | undefined,
): Capabilities {
  const kind = KINDS[settings.kind];
  const isWriter = told === undefined || told.some((word) => word === "completion" || word === "chat");
  const isEmbedder = told === undefined ? kind.can.embeddings : told.some((word) => word.startsWith("embedding"));
  const { tools, schemas, logprobs, images } = kind.can;
  const said = { text: isWriter, tools, schemas, logprobs, images, embeddings: isEmbedder };
  const can = { ...said, ...settings.capabilities, ...model.capabilities };
  return {
    ...{ text: can.text ?? true, chat: can.text ?? true, infill: false },
    ...{ tools: can.tools ?? tools, schemas: can.schemas ?? schemas, logprobs: can.logprobs ?? logprobs },
    ...{ images: can.images ?? images, embeddings: can.embeddings ?? isEmbedder, reranking: false, tokenizing: false },
  };
}
