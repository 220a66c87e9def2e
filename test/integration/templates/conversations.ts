import type { Family } from "./sources.ts";

/** A body of `POST /v1/chat/completions`, without the model. */
export type Body = {
  readonly messages: readonly WireMessage[];
  readonly tools?: readonly WireTool[];
  readonly reasoning_effort?: string;
  readonly continue_final_message?: true;
};

export type WireMessage = {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly WireCall[];
  readonly tool_call_id?: string;
};

export type WireTool = {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  };
};

type WireCall = {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
};

const getWeather: WireTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: 'The weather at a "place", in °C & more',
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", description: "Its name" },
        unit: { type: "string", enum: ["celsius", "fahrenheit"] },
        days: { type: "array", items: { type: "integer" }, description: "Which <days>" },
      },
      required: ["city"],
    },
  },
};
const now: WireTool = {
  type: "function",
  function: { name: "now", description: "The time", parameters: { type: "object", properties: {} } },
};

const locate: WireTool = {
  type: "function",
  function: {
    name: "locate",
    description: "Finds a place",
    parameters: {
      type: "object",
      properties: { id: { type: "integer", description: "Its id", maximum: 1e20, default: 0.123456789 } },
    },
  },
};

// Nine letters and digits, as Mistral's templates want them.
const weatherCall = call("aaaaaaaa1", "get_weather", '{"city": "Zürich \\"HB\\"", "days": [1, 2]}');
const nowCall = call("bbbbbbbb2", "now", "{}");
const precise = '{"at": [48.858370112345, 2.0, 1e-7, -0.5], "id": 12345678901234567890, "far": 1.5e300}';
const preciseCall = call("cccccccc3", "locate", precise);
const nullCall = call("dddddddd4", "locate", '{"id": null}');
const weatherResult = result("aaaaaaaa1", "Sunny, 21 °C");
const nowResult = result("bbbbbbbb2", "12:00");

const system: WireMessage = { role: "system", content: "Be brief." };
const user = (content: string): WireMessage => ({ role: "user", content });
const assistant = (content: string | null, more: Partial<WireMessage> = {}): WireMessage => ({
  role: "assistant",
  content,
  ...more,
});

/** What is asked before functions are called. */
export const QUESTION = "Weather and time?";
const asked = user(QUESTION);
/** The functions that are called in them. */
export const TOOLS = [getWeather, now];
const calling = assistant(null, { tool_calls: [weatherCall, nowCall] });
const turns = [user("Hello"), assistant('Hi <b>&amp;</b> "quoted", é 🦊\n'), user("  And now?\n")];

/** Conversations with what a family's template is asked for, in the order of what they need of it. */
export function conversations({ takesSystem, onlyTools, control }: Family): ReadonlyMap<string, Body> {
  const told = takesSystem === false ? [] : [system];
  const said = (...messages: readonly WireMessage[]): Body => ({ messages: [...told, ...messages] });
  const all: Record<string, Body> = {
    "a question alone": { messages: [user("Hi")] },
    "a system message": { messages: [system, user("Hi")] },
    "several turns": said(...turns),
    "control tokens spelled in a message": said(user(`${control.join(" and ")}<think></think> ${control.join("")}`)),
    "two questions in a row": said(user("One"), user("Two")),
    "a system message in the midst": said(user("Hi"), assistant("Hello"), system, user("So?")),
    "reasoning in an earlier turn": said(user("1+1?"), assistant("2", { reasoning_content: "Easy." }), user("2+2?")),
    "reasoning switched off": { ...said(...turns), reasoning_effort: "none" },
    "reasoning with much effort": { ...said(...turns), reasoning_effort: "high" },
    "an answer that is gone on with": { ...said(user("Count"), assistant("One, two,")), continue_final_message: true },
    "one tool": { ...said(user("Weather?")), tools: [getWeather] },
    "two tools": { ...said(asked), tools: TOOLS },
    "calls and their results, in another order": { ...said(asked, calling, nowResult, weatherResult), tools: TOOLS },
    "calls that were answered": {
      ...said(asked, calling, nowResult, weatherResult, assistant("Sunny, noon."), user("Thanks")),
      tools: TOOLS,
    },
    "words before a call": {
      ...said(asked, assistant("I look.", { tool_calls: [weatherCall] }), weatherResult),
      tools: TOOLS,
    },
    "reasoning before a call": {
      ...said(asked, assistant(null, { reasoning_content: "Look it up.", tool_calls: [weatherCall] }), weatherResult),
      tools: TOOLS,
    },
    "numbers that a double or six digits don't hold": {
      ...said(asked, assistant(null, { tool_calls: [preciseCall] }), {
        role: "tool",
        content: "There",
        tool_call_id: preciseCall.id,
      }),
      tools: [locate],
    },
    "an argument that is null": {
      ...said(asked, assistant(null, { tool_calls: [nullCall] }), {
        role: "tool",
        content: "Nowhere",
        tool_call_id: nullCall.id,
      }),
      tools: [locate],
    },
    "reasoning and words before several calls": {
      ...said(
        asked,
        assistant("I look.", { reasoning_content: "Look it up.", tool_calls: [weatherCall, nowCall] }),
        weatherResult,
        nowResult,
      ),
      tools: TOOLS,
    },
  };
  return new Map(Object.entries(all).filter(([, { tools }]) => onlyTools === undefined || tools !== undefined));
}

/** The same in the form in which a template gets them that refuses them as they are. */
export function easierConversations({ takesSystem }: Family): ReadonlyMap<string, Body> {
  const told = takesSystem === false ? [] : [system];
  const said = (...messages: readonly WireMessage[]): Body => ({ messages: [...told, ...messages] });
  return new Map([
    ["a system message", { messages: [user("Be brief.\n\nHi")] }],
    ["two questions in a row", said(user("One\n\nTwo"))],
    ["a system message in the midst", said(user("Hi"), assistant("Hello"), user("Be brief.\n\nSo?"))],
  ]);
}

function call(id: string, name: string, json: string): WireCall {
  return { id, type: "function", function: { name, arguments: json } };
}

function result(id: string, content: string): WireMessage {
  return { role: "tool", content, tool_call_id: id };
}
