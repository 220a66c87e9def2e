// The page at GET /docs: renders openapi.json and sends requests to its own gateway. It uses no libraries and no external resources.

const { element, openable, prose, renderFields } = globalThis.fields;

const METHODS = ["get", "post", "put", "patch", "delete"];

/** The number of stream frames to show: a long answer must not slow the page down. */
const MAX_SHOWN_FRAMES = 2_000;

function renderBody(api, content = {}) {
  return Object.entries(content).flatMap(([type, { schema }]) => [
    element("p", {
      className: "quiet",
      textContent: type === "text/event-stream" ? `${type}, the data of each event:` : type,
    }),
    renderFields(api, schema),
  ]);
}

function renderResponses(api, responses) {
  return Object.entries(responses).map(([status, { description, content }]) => {
    const mark = element("code", { className: Number(status) < 400 ? "good" : "bad", textContent: `${status} ` });
    if (content === undefined) return element("p", {}, mark, ...prose(description));
    const details = openable([mark, ...prose(description)], () => renderBody(api, content));
    details.className = "answer";
    return details;
  });
}

/** The text in an event of a stream, in any of the protocols. */
function textOf(data) {
  const [choice] = data.choices ?? [];
  const piece = choice?.delta?.content ?? choice?.text ?? data.delta?.text ?? data.delta;
  return typeof piece === "string" ? piece : "";
}

async function readStream(response, onFrame) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const frames = (rest + part.value).split("\n\n");
    rest = frames.pop();
    frames.forEach(onFrame);
  }
}

function showFrame(frame, output) {
  output.frames += 1;
  if (output.frames <= MAX_SHOWN_FRAMES) output.raw.append(`${frame}\n`);
  const data = frame
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice("data: ".length))
    .join("\n");
  if (data === "" || data === "[DONE]") return;
  output.text.append(textOf(JSON.parse(data)));
}

async function send({ url, method, headers: extra, body, signal, output }) {
  const startedMs = performance.now();
  const elapsed = () => `${Math.round(performance.now() - startedMs)} ms`;
  const key = document.getElementById("key").value;
  const headers = {
    // A form names its own type, with its boundary.
    ...(typeof body === "string" && { "content-type": "application/json" }),
    ...(key !== "" && { authorization: `Bearer ${key}` }),
    ...Object.fromEntries(extra),
  };
  const response = await fetch(url, { method: method.toUpperCase(), headers, body, signal });
  const status = `${response.status} ${response.statusText}`;
  output.status.className = response.ok ? "good" : "bad";
  output.status.textContent = `${status}, headers after ${elapsed()}`;
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    output.text.hidden = false;
    await readStream(response, (frame) => showFrame(frame, output));
    output.status.textContent += `, ${output.frames} events in ${elapsed()}`;
  } else {
    const text = await response.text();
    output.raw.textContent = pretty(text);
    output.status.textContent += `, all in ${elapsed()}`;
  }
}

/** A form with the fields of a JSON object; what is a file's content is sent as one. */
function toForm(text) {
  const form = new FormData();
  for (const [name, value] of Object.entries(JSON.parse(text))) {
    const { filename = "example.jsonl", content = value } = Object(value);
    form.append(name, name === "file" || name === "data" ? new File([content], filename) : String(value));
  }
  return form;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function renderTry(api, path, method, operation, defaults) {
  const base = new URL(`.${api.servers[0].url}`, `${location.origin}/`).href.replace(/\/$/, "");
  const parameters = (operation.parameters ?? []).map((parameter) => ({
    ...parameter,
    input: element("input", {
      placeholder: parameter.name,
      value: path === "/v1/models/{id}" ? (defaults.model ?? "") : "",
    }),
  }));
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const isForm = type === "multipart/form-data";
  const examples = Object.entries(content?.examples ?? {});
  const show = (value) =>
    JSON.stringify(value.model === undefined ? value : { ...value, model: defaults.model ?? value.model }, null, 2);
  const body =
    examples.length === 0
      ? undefined
      : element("textarea", { rows: 12, spellcheck: false, value: show(examples[0][1].value) });
  body?.setAttribute("aria-label", "Request body");
  const choose = element("select", {}, ...examples.map(([name]) => element("option", { textContent: name })));
  choose.addEventListener("change", () => {
    body.value = show(examples[choose.selectedIndex][1].value);
  });
  const sendButton = element("button", { className: "send", textContent: "Send" });
  const stopButton = element("button", { textContent: "Stop", disabled: true });
  const status = element("span", { role: "status" });
  const text = element("pre", { hidden: true });
  const raw = element("pre", { hidden: true });
  let running;

  stopButton.addEventListener("click", () => running?.abort());
  sendButton.addEventListener("click", async () => {
    running = new AbortController();
    sendButton.disabled = true;
    stopButton.disabled = false;
    text.replaceChildren();
    text.hidden = true;
    raw.replaceChildren();
    raw.hidden = false;
    status.className = "quiet";
    status.textContent = "waiting…";
    const target = parameters
      .filter((parameter) => parameter.in === "path")
      .reduce((url, { name, input }) => url.replace(`{${name}}`, encodeURIComponent(input.value)), path);
    const given = (place) =>
      parameters
        .filter(({ input, ...parameter }) => parameter.in === place && input.value !== "")
        .map(({ name, input }) => [name, input.value]);
    const query = new URLSearchParams(given("query")).toString();
    try {
      await send({
        url: base + target + (query === "" ? "" : `?${query}`),
        method,
        headers: given("header"),
        body: isForm ? toForm(body.value) : body?.value,
        signal: running.signal,
        output: { status, text, raw, frames: 0 },
      });
    } catch (error) {
      status.className = "bad";
      status.textContent = running.signal.aborted ? "stopped" : `failed: ${error.message}`;
    } finally {
      sendButton.disabled = false;
      stopButton.disabled = true;
    }
  });
  return [
    element("h3", { textContent: "Try it" }),
    isForm ? element("p", { className: "quiet", textContent: "Sent as a form, with these fields:" }) : undefined,
    examples.length > 1 ? element("div", { className: "bar" }, "Example ", choose) : undefined,
    ...parameters.map(({ name, description, input }) =>
      element("p", {}, element("code", { textContent: `${name} ` }), input, " ", ...prose(description)),
    ),
    body,
    element("div", { className: "bar" }, sendButton, stopButton, status),
    text,
    raw,
  ];
}

function renderOperation(api, path, method, operation, defaults) {
  const head = [
    element("code", { className: "method", textContent: method.toUpperCase() }),
    element("code", { className: "path", textContent: path }),
    element("span", { className: "quiet", textContent: operation.summary }),
  ];
  const details = openable(head, () => {
    const [{ schema: request } = {}] = Object.values(operation.requestBody?.content ?? {});
    const content = [
      operation.description === undefined ? undefined : element("p", {}, ...prose(operation.description)),
      request === undefined ? undefined : element("h3", { textContent: "Request" }),
      request === undefined ? undefined : renderFields(api, request),
      element("h3", { textContent: "Responses" }),
      ...renderResponses(api, operation.responses),
      ...renderTry(api, path, method, operation, defaults),
    ];
    return [element("div", {}, ...content.filter((child) => child !== undefined))];
  });
  details.className = "operation";
  details.id = operation.operationId;
  return details;
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.tagName === "DETAILS") named.open = true;
}

async function readJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers with ${response.status}`);
  return response.json();
}

/** Resolves a path next to this page, even if the page's own path ends with a slash. */
const beside = (path) => new URL(path, location.origin + location.pathname.replace(/\/+$/, ""));

async function show() {
  const api = await readJson(beside("openapi.json"));
  const models = await readJson(beside("v1/models")).catch(() => ({ data: [] }));
  const model = models.data[0]?.id;
  const defaults = model === undefined ? {} : { model };
  document.getElementById("version").textContent = api.info.version;
  const about = element("p", { id: "about" }, `${api.info.description} The machine-readable form is `);
  about.append(element("a", { href: beside("openapi.json"), textContent: "openapi.json" }), ".");
  document.getElementById("about").replaceWith(about);
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => method in methods).map((method) => ({ path, method, operation: methods[method] })),
  );
  for (const { name } of api.tags) {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    const links = own.map(({ path, method, operation }) =>
      element("a", { href: `#${operation.operationId}` }, element("code", {}, `${method.toUpperCase()} ${path}`)),
    );
    document.getElementById("contents").append(element("h2", { textContent: name }), ...links);
    const cards = own.map(({ path, method, operation }) => renderOperation(api, path, method, operation, defaults));
    document.getElementById("operations").append(element("h2", { textContent: name }), ...cards);
  }
  addEventListener("hashchange", openNamed);
  openNamed();
}

show().catch((error) => {
  document.getElementById("about").textContent = `The description can't be shown: ${error.message}.`;
});
