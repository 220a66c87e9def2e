import { InPlace } from "../../frame/in-place.tsx";
import type { Chat } from "../state/chat.ts";
import type { ChatModel } from "../state/models.ts";
import { Act } from "./act.tsx";

/** What is shown beside, or on a phone in place of, the messages. */
export type Panel = "list" | "settings" | undefined;

type BarProps = {
  readonly chat: Chat;
  readonly models: readonly ChatModel[];
  readonly panel: Panel;
  readonly onPanel: (panel: Panel) => void;
};

/** Above the messages: which models answer, and the ways to the panels. */
export function Bar({ chat, models, panel, onPanel }: BarProps) {
  const { lanes } = chat.current.value;
  const isCompared = lanes.length > 1;
  // Another model, else the same: a preset is for its own kind of question.
  const first = lanes[0]?.model ?? "";
  const other = models.find(({ id, isPreset }) => !isPreset && id !== first)?.id ?? first;
  return (
    <div class="bar-row">
      <span class="bar-list">
        <Act
          label="Conversations"
          isPressed={panel === "list"}
          onClick={() => onPanel(panel === "list" ? undefined : "list")}
        >
          ☰
        </Act>
      </span>
      <InPlace items={lanes}>
        {({ model }, lane) => (
          <ModelSelect
            label={isCompared ? `Model ${lane + 1}` : "Model"}
            models={models}
            model={model}
            onChange={(id) => chat.setModel(lane, id)}
          />
        )}
      </InPlace>
      <span class="bar-acts">
        <Act
          isPressed={isCompared}
          disabled={models.length === 0}
          onClick={() => chat.compare(isCompared ? undefined : other)}
        >
          Compare
        </Act>
        <Act isPressed={panel === "settings"} onClick={() => onPanel(panel === "settings" ? undefined : "settings")}>
          Settings
        </Act>
      </span>
    </div>
  );
}

type SelectProps = {
  readonly label: string;
  readonly models: readonly ChatModel[];
  readonly model: string;
  readonly onChange: (id: string) => void;
};

function ModelSelect({ label, models, model, onChange }: SelectProps) {
  const own = models.filter(({ isPreset }) => !isPreset);
  const presets = models.filter(({ isPreset }) => isPreset);
  const isKnown = models.some(({ id }) => id === model);
  return (
    <select
      class="bar-model"
      aria-label={label}
      value={model}
      onChange={({ currentTarget: { value } }) => onChange(value)}
    >
      {/* A conversation may be older than the list. */}
      {!isKnown && <option value={model}>{model === "" ? "No model" : `${model} (not served)`}</option>}
      {own.map(({ id }) => (
        <option key={id} value={id}>
          {id}
        </option>
      ))}
      {presets.length > 0 && (
        <optgroup label="Presets">
          {presets.map(({ id, description }) => (
            <option key={id} value={id} title={description}>
              {id.replace(/^preset\//, "")}
            </option>
          ))}
        </optgroup>
      )}
    </select>
  );
}
