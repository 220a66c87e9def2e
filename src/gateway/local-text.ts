import type { Config } from "../config/schema.ts";
import type { Engine } from "../engine/host/engine.ts";
import type { Backend } from "../generation/backend.ts";
import { dropImages } from "../generation/drop-images.ts";
import { compose, type Layer, settleThrough } from "../generation/layer.ts";
import { measurePrompts, pricePrompts } from "../generation/measure.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { holdToFormat } from "../grammar/layer.ts";
import { type LocalModel, readChatTemplate } from "../models/index.ts";
import type { Around, LoadControl, QueueLayers } from "../queue/load-control.ts";
import { callTools } from "../tools/layer.ts";
import type { EngineSet } from "./engine-set.ts";
import { queueOptionsOf } from "./queue-options.ts";

/** The part of a local backend that writes text. */
export type TextAnswers = Required<
  Pick<
    Backend,
    | "generate"
    | "measure"
    | "price"
    | "settle"
    | "text"
    | "workload"
    | "occupancy"
    | "queued"
    | "slots"
    | "steps"
    | "predictMs"
  >
> & {
  /** Resolves once no client's request is in progress. */
  readonly idle: () => Promise<void>;
};

/** For text within an answer. */
const PLAIN = { addSpecial: false, parseSpecial: false };

/** The layers around a model's engines. @param config the model's own settings */
export async function answerText(
  model: LocalModel,
  engines: EngineSet,
  load: LoadControl,
  config: Config,
): Promise<TextAnswers> {
  const countTokens = async (text: string) => (await engines.text.tokenize(text, PLAIN)).length;
  const layers: readonly Layer[] = [
    callTools({ loadTemplate: () => chatTemplate(model, engines), countTokens }),
    holdToFormat(),
  ];
  const { gate, turns, counts, list, returns, workload, predictMs, idle } = await openQueue(engines, load, config);
  return {
    generate: compose([dropImages, gate, ...layers, turns], engines.generate),
    measure: compose([dropImages, ...layers], measurePrompts(engines.text)),
    settle: settleThrough(layers),
    price: compose([dropImages, ...layers], pricePrompts(engines.text)),
    text: engines.text,
    workload,
    steps: () => engines.steps,
    occupancy() {
      const { info, heldTokens, all } = engines;
      return {
        ...{ ...workload(), returns: returns() },
        slots: { used: counts().sequences, all: config.slots * all.length },
        ...(info && { kv: { heldTokens, roomTokens: info.slots * all.length * info.contextTokens } }),
      };
    },
    queued: list,
    slots: engines.slots,
    predictMs,
    idle,
  };
}

async function openQueue(engines: EngineSet, load: LoadControl, config: Config): Promise<QueueLayers> {
  const around: Around = {
    price: ({ prompt, tools, signal, terms = OWN_TERMS }, place = 0) => {
      const { text } = engines.all[place] ?? engines;
      return text.price(prompt, tools?.tools, { tenant: terms.tenant, priority: terms.priority, signal });
    },
  };
  const [engine, ...others] = engines.all;
  if (others.length > 0) return (await import("./replicas.ts")).replicaLayers(engines, load, config, around);
  const { berth } = engine;
  const queue = load.queueFor({ ...queueOptionsOf(engine, config), ...around, use: berth.use });
  berth.onRefused(queue.refuseWaiting);
  // The listeners of one change all hear of it before the next one, which `look` may cause.
  engine.onStateChange((state) => (state === "unloaded" ? queueMicrotask(queue.look) : queue.look()));
  return queue;
}

/** Needs no loaded model. Also undefined if the file can't be read: the engine reports that. */
async function chatTemplate({ path }: LocalModel, { info }: Pick<Engine, "info">): Promise<string | undefined> {
  return info === undefined ? readChatTemplate(path).catch(() => undefined) : info.chatTemplate;
}
