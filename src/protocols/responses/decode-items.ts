import { readOwnJson } from "../../json/parse.ts";
import { destination } from "../destination.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { readImage } from "../images.ts";
import { parseWire } from "../issue.ts";
import { refuseExcess } from "../json-excess.ts";
import { noteOmitted, refuseUnreadable } from "../unreadable.ts";
import { newId } from "./ids.ts";
import {
  type InputPart,
  type Item,
  type ItemReference,
  type OutputText,
  type Refusal,
  type WireItem,
  type WireOutput,
  type WirePart,
  wireItem,
} from "./items.ts";

/**
 * Whether a part that the model can't read is refused in the newest user message, or replaced by a note. In a stored item, images are `kept`: the
 * next request may be for a model that reads them.
 */
export type Unreadable = "refused" | "noted" | "kept";

/**
 * Decodes `input`; a string is one user message. A note replaces each part that a text model can't read. Throws `InvalidRequestError`
 * for such a part in the newest user message, unless `unreadable` is `noted`.
 */
export function decodeInput(
  input: string | readonly WireItem[],
  param = "input",
  unreadable: Unreadable = "refused",
): (Item | ItemReference)[] {
  if (typeof input === "string") {
    return [decodeItem({ type: "message", role: "user", content: input }, param, unreadable)];
  }
  const newest = input.findLastIndex((item) => item.type === "message" && item.role === "user");
  return input.map((item, index) => decodeItem(item, `${param}[${index}]`, index === newest ? unreadable : "noted"));
}

/** Parses a stored item. */
export function parseKeptItem(body: string): Item {
  const item = decodeItem(parseWire(wireItem, readOwnJson(body)), "item", "kept");
  if (item.type === "item_reference") {
    throw new Error("a reference was stored instead of its item");
  }
  return item;
}

/** Formats an item as JSON to store. */
export function formatItem(item: Item): string {
  return JSON.stringify(item.type === "other" ? { ...item.fields, id: item.id } : item);
}

function decodeItem(wire: WireItem, param: string, unreadable: Unreadable): Item | ItemReference {
  switch (wire.type) {
    case "message": {
      const base = { id: wire.id ?? newId("msg"), type: wire.type, status: wire.status ?? "completed" } as const;
      const place = { param: `${param}.content`, unreadable };
      return wire.role === "assistant"
        ? {
            ...base,
            role: wire.role,
            content: decodeParts(wire.content, { ...place, unreadable: "noted" }, toOutputPart),
          }
        : { ...base, role: wire.role, content: decodeParts(wire.content, place, toInputPart) };
    }
    case "function_call":
      refuseExcess(wire.arguments, [`${param}.arguments`]);
      return { ...decodeCall(wire, "fc"), type: wire.type, arguments: wire.arguments };
    case "custom_tool_call":
      return { ...decodeCall(wire, "ctc"), type: wire.type, input: wire.input };
    case "function_call_output":
    case "custom_tool_call_output":
      return {
        id: wire.id ?? newId(wire.type === "function_call_output" ? "fco" : "ctco"),
        type: wire.type,
        status: wire.status ?? "completed",
        call_id: wire.call_id,
        output: decodeOutput(wire.output, `${param}.output`, unreadable),
      };
    case "reasoning":
      // Encrypted content from another server is unreadable here, so it is dropped.
      return {
        id: wire.id ?? newId("rs"),
        type: wire.type,
        status: wire.status ?? "completed",
        summary: (wire.summary ?? []).map(({ text }) => ({ type: "summary_text", text })),
        content: (wire.content ?? []).map(({ text }) => ({ type: "reasoning_text", text })),
      };
    case "compaction":
      return { id: wire.id ?? newId("cmp"), type: wire.type, encrypted_content: wire.encrypted_content };
    case "item_reference":
      return { type: wire.type, id: wire.id };
    case "other":
      return { id: wire.fields.id ?? newId("item"), type: wire.type, kind: wire.kind, fields: wire.fields };
  }
}

function decodeCall(wire: Extract<WireItem, { type: "function_call" | "custom_tool_call" }>, prefix: "fc" | "ctc") {
  return {
    id: wire.id ?? newId(prefix),
    status: wire.status ?? "completed",
    call_id: wire.call_id,
    name: wire.name,
    ...(isSet(wire.namespace) && { namespace: wire.namespace }),
  } as const;
}

function decodeOutput(output: WireOutput, param: string, unreadable: Unreadable): string | InputPart[] {
  if (typeof output === "string") return output;
  const place = { param, unreadable: unreadable === "kept" ? unreadable : "noted" } as const;
  if (Array.isArray(output)) return decodeParts(output, place, toInputPart);
  return isSet(output) ? JSON.stringify(output) : "";
}

/** The path of some parts, and how to treat unreadable ones. */
type Place = { readonly param: string; readonly unreadable: Unreadable };

function decodeParts<T>(
  content: string | readonly WirePart[],
  { param, unreadable }: Place,
  decode: (part: WirePart, place: Place) => T,
): T[] {
  return typeof content === "string"
    ? [decode({ type: "input_text", text: content }, { param, unreadable })]
    : content.map((part, index) => decode(part, { param: `${param}[${index}]`, unreadable }));
}

function toInputPart(part: WirePart, place: Place): InputPart {
  if (part.type === "refusal" && place.unreadable === "refused") {
    throw new InvalidRequestError(
      `Invalid value: 'refusal'. Only an assistant message can hold a refusal, and '${place.param}' is in another item.`,
      `${place.param}.type`,
      "invalid_value",
    );
  }
  const isKept = part.type === "other" && (place.unreadable === "kept" || destination().readsImages);
  const image = isKept ? readImage(part.kind, part.fields) : undefined;
  if (image !== undefined) return { type: "input_image", image_url: image.url, detail: image.detail ?? "auto" };
  return { type: "input_text", text: readText(part, place) };
}

function toOutputPart(part: WirePart, place: Place): OutputText | Refusal {
  if (part.type === "refusal") {
    return { type: "refusal", refusal: part.refusal.toWellFormed() };
  }
  const logprobs = part.type === "output_text" ? (part.logprobs ?? []) : [];
  return { type: "output_text", text: readText(part, place), annotations: [], logprobs };
}

function readText(part: WirePart, { param, unreadable }: Place): string {
  switch (part.type) {
    case "refusal":
      return part.refusal.toWellFormed();
    case "other":
      if (unreadable === "refused") throw refuseUnreadable(part.kind, param);
      return noteOmitted(part.kind, part.fields.filename);
    default:
      // A lone surrogate has no UTF-8 form: the tokenizer would see a different text.
      return part.text.toWellFormed();
  }
}
