import { Hono } from "hono";
import { every } from "hono/combine";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Logger } from "pino";
import type { Generate } from "../generation/layer.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { errorHandler } from "./errors.ts";
import { accessLog } from "./middleware/access-log.ts";
import { limitBody } from "./middleware/body-limit.ts";
import { allowOrigins } from "./middleware/cors.ts";
import { jsonOnly } from "./middleware/json-only.ts";
import { openaiHeaders } from "./middleware/openai-headers.ts";
import { requestId } from "./middleware/request-id.ts";
import { chatCompletions } from "./routes/chat.ts";
import { docsPage, openapiDocument } from "./routes/docs.ts";
import { health, ready } from "./routes/health.ts";
import { listModels, showModel } from "./routes/models.ts";
import { unknownUrl, wrongMethod } from "./routes/unknown.ts";

export type AppSettings = {
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** Origins that browsers may call from, or `*`. */
  readonly corsOrigins: readonly string[];
};

export type AppDeps = {
  /** Runs a request through all layers to the backend. */
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly settings: AppSettings;
  readonly logger: Logger;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** The paths that are the gateway's. When it is mounted in another app it leaves the others alone. */
const OWN_PATHS = ["/v1/*", "/health", "/ready", "/openapi.json", "/docs"];

/**
 * The gateway's HTTP interface, to be served by itself or mounted in another Hono app.
 *
 * @example
 * const app = createApp({ generate, models, settings: config, logger });
 * serve({ fetch: app.fetch, port: 8080 });
 */
export function createApp({ generate, models, settings, logger, now = Date.now }: AppDeps): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const forEveryRequest = every(
    requestId(),
    openaiHeaders(now),
    accessLog(logger, now),
    allowOrigins(settings.corsOrigins),
  );
  for (const path of OWN_PATHS) {
    app.use(path, forEveryRequest, methodNotAllowed({ app, onMethodNotAllowed: wrongMethod }));
  }

  app.get("/health", health());
  app.get("/ready", ready(models));
  app.get("/openapi.json", openapiDocument());
  app.get("/docs", docsPage());
  app.get("/v1/models", listModels(models));
  app.get("/v1/models/:id{.+}", showModel(models));
  app.post(
    "/v1/chat/completions",
    jsonOnly(),
    limitBody(settings.maxBodyBytes),
    chatCompletions({ generate, models, logger, now }),
  );

  for (const path of OWN_PATHS) {
    app.all(path, unknownUrl);
  }
  app.notFound(async (c) => {
    await forEveryRequest(c, async () => {
      c.res = unknownUrl(c);
    });
    return c.res;
  });
  app.onError(errorHandler(logger));
  return app;
}
