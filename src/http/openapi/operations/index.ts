import type { Operation } from "../operation.ts";
import { createChatCompletion } from "./chat.ts";
import { listModels, retrieveModel } from "./models.ts";
import { docs, health, openapi, ready } from "./service.ts";

/** Every route of the app, in the order in which the document tells of them. */
export const operations: readonly Operation[] = [
  createChatCompletion,
  listModels,
  retrieveModel,
  health,
  ready,
  openapi,
  docs,
];
