import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { parseWire } from "../issue.ts";
import { refuseExcess } from "../json-excess.ts";
import { newId } from "./ids.ts";
import {
  type InputText,
  type Item,
  type ItemReference,
  type OutputText,
  type Refusal,
  type WireItem,
  type WirePart,
  wireItem,
} from "./items.ts";

/** The kinds of part that a text model can't read, in words. */
const UNREADABLE = { input_image: "image", input_file: "file", input_audio: "audio" } as const;

/** `input`: a text is one user's message. Throws `InvalidRequestError` for what a text model can't take. */
export function decodeInput(input: string | readonly WireItem[], param = "input"): (Item | ItemReference)[] {
  return typeof input === "string"
    ? [decodeItem({ type: "message", role: "user", content: input }, param)]
    : input.map((item, index) => decodeItem(item, `${param}[${index}]`));
}

/** An item that was kept, as JSON. */
export function parseKeptItem(body: string): Item {
  const item = decodeItem(parseWire(wireItem, JSON.parse(body)), "item");
  if (item.type === "item_reference") {
    throw new Error("a reference was kept in place of what it refers to");
  }
  return item;
}

function decodeItem(wire: WireItem, param: string): Item | ItemReference {
  switch (wire.type) {
    case "message": {
      const base = { id: wire.id ?? newId("msg"), type: wire.type, status: wire.status ?? "completed" } as const;
      return wire.role === "assistant"
        ? { ...base, role: wire.role, content: decodeParts(wire.content, param, toOutputPart) }
        : { ...base, role: wire.role, content: decodeParts(wire.content, param, toInputText) };
    }
    case "function_call":
      refuseExcess(wire.arguments, [`${param}.arguments`]);
      return {
        id: wire.id ?? newId("fc"),
        type: wire.type,
        status: wire.status ?? "completed",
        call_id: wire.call_id,
        name: wire.name,
        arguments: wire.arguments,
      };
    case "function_call_output":
      return {
        id: wire.id ?? newId("fco"),
        type: wire.type,
        status: wire.status ?? "completed",
        call_id: wire.call_id,
        output: typeof wire.output === "string" ? wire.output : decodeParts(wire.output, param, toInputText, "output"),
      };
    case "reasoning":
      return decodeReasoning(wire, param);
    case "compaction":
      return { id: wire.id ?? newId("cmp"), type: wire.type, encrypted_content: wire.encrypted_content };
    case "item_reference":
      return { type: wire.type, id: wire.id };
  }
}

function decodeReasoning(wire: Extract<WireItem, { type: "reasoning" }>, param: string): Item {
  const content = wire.content ?? [];
  if (content.length === 0 && (wire.encrypted_content ?? "") !== "") {
    throw new InvalidRequestError(
      `Unsupported value: '${param}.encrypted_content' can't be read here: it is another server's. ` +
        "Remove the item, or send its text as 'content'.",
      `${param}.encrypted_content`,
      "unsupported_value",
    );
  }
  return {
    id: wire.id ?? newId("rs"),
    type: "reasoning",
    status: wire.status ?? "completed",
    summary: wire.summary ?? [],
    content,
  };
}

function decodeParts<T>(
  content: string | readonly WirePart[],
  param: string,
  decode: (part: WirePart, param: string) => T,
  field = "content",
): T[] {
  return typeof content === "string"
    ? [decode({ type: "input_text", text: content }, `${param}.${field}`)]
    : content.map((part, index) => decode(part, `${param}.${field}[${index}]`));
}

function toInputText(part: WirePart, param: string): InputText {
  if (part.type === "refusal") {
    throw new InvalidRequestError(
      `Invalid value: 'refusal'. Only an assistant's message can hold a refusal, and '${param}' is in another item.`,
      `${param}.type`,
      "invalid_value",
    );
  }
  return { type: "input_text", text: readText(part, param) };
}

function toOutputPart(part: WirePart, param: string): OutputText | Refusal {
  if (part.type === "refusal") {
    return { type: "refusal", refusal: part.refusal.toWellFormed() };
  }
  const logprobs = part.type === "output_text" ? (part.logprobs ?? []) : [];
  return { type: "output_text", text: readText(part, param), annotations: [], logprobs };
}

function readText(part: Exclude<WirePart, { type: "refusal" }>, param: string): string {
  switch (part.type) {
    case "input_text":
    case "output_text":
      // A lone surrogate has no UTF-8 form; the tokenizer would see something else than what is counted here.
      return part.text.toWellFormed();
    case "input_image":
    case "input_file":
    case "input_audio":
      throw new InvalidRequestError(
        `There is no ${UNREADABLE[part.type]} input here: the model reads text only. Remove '${param}', or send what it says as text.`,
        param,
        "unsupported_value",
      );
  }
}

const anyId = z.object({ id: z.string() });

/** An item's id, where only that is wanted of its JSON. */
export function idOf(body: string): string {
  return anyId.parse(JSON.parse(body)).id;
}
