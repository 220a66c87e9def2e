import type { encodeLogprobs } from "../chat/encode-logprobs.ts";
import type { FunctionCall, OutputItem, OutputMessage, Reasoning } from "./items.ts";
import type { WireResponse } from "./response.ts";

/** A token's log-probability and alternatives, in the form of chat completions. */
export type WireLogprob = ReturnType<typeof encodeLogprobs>["content"][number];

type Part = OutputMessage["content"][number] | Reasoning["content"][number];
type Place = { readonly item_id: string; readonly output_index: number };
type PartPlace = Place & { readonly content_index: number };

/** An event in a response's stream, without its sequence number. */
export type ResponseEvent =
  | {
      readonly type:
        | "response.created"
        | "response.queued"
        | "response.in_progress"
        | "response.completed"
        | "response.incomplete"
        | "response.failed";
      readonly response: WireResponse;
    }
  | {
      readonly type: "response.output_item.added" | "response.output_item.done";
      readonly output_index: number;
      readonly item: OutputItem;
    }
  | ({ readonly type: "response.content_part.added" | "response.content_part.done"; readonly part: Part } & PartPlace)
  | ({
      readonly type: "response.output_text.delta";
      readonly delta: string;
      readonly logprobs: readonly WireLogprob[];
    } & PartPlace)
  | ({
      readonly type: "response.output_text.done";
      readonly text: string;
      readonly logprobs: readonly WireLogprob[];
    } & PartPlace)
  | ({ readonly type: "response.refusal.delta"; readonly delta: string } & PartPlace)
  | ({ readonly type: "response.refusal.done"; readonly refusal: string } & PartPlace)
  | ({ readonly type: "response.reasoning_text.delta"; readonly delta: string } & PartPlace)
  | ({ readonly type: "response.reasoning_text.done"; readonly text: string } & PartPlace)
  | ({ readonly type: "response.function_call_arguments.delta"; readonly delta: string } & Place)
  | ({
      readonly type: "response.function_call_arguments.done";
      readonly name: FunctionCall["name"];
      readonly arguments: string;
    } & Place)
  | ({ readonly type: "response.custom_tool_call_input.delta"; readonly delta: string } & Place)
  | ({ readonly type: "response.custom_tool_call_input.done"; readonly input: string } & Place)
  | { readonly type: "error"; readonly code: string | null; readonly message: string; readonly param: string | null };

/** Creates a function that formats each event as a server-sent event, numbered from 0 in the order of the calls. */
export function createFrameWriter(): (event: ResponseEvent) => string {
  let sequenceNumber = 0;
  return ({ type, ...fields }) => {
    const data = JSON.stringify({ type, sequence_number: sequenceNumber, ...fields });
    sequenceNumber += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
}
