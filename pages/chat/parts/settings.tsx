import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useState } from "preact/hooks";
import { EFFORTS, findProblems, NUMBERS, type Problem, type Settings } from "../conversation/settings.ts";
import type { Chat } from "../state/chat.ts";
import type { ChatModel } from "../state/models.ts";

type PanelProps = { readonly chat: Chat; readonly models: readonly ChatModel[]; readonly onClose: () => void };

/** What the requests of a conversation have beside its messages. */
export function SettingsPanel({ chat, models, onClose }: PanelProps) {
  const { settings, lanes } = chat.current.value;
  const problems = findProblems(settings);
  const set = (changed: Partial<Settings>) => chat.setSettings({ ...settings, ...changed });
  const presets = models.filter(({ id, variables }) => variables.length > 0 && lanes.some(({ model }) => model === id));
  return (
    <section class="settings" aria-label="Settings">
      <div class="panel-head">
        <h2>Settings</h2>
        <button class="act" type="button" onClick={onClose}>
          Close
        </button>
      </div>
      <Setting label="System prompt" hint="">
        {(ids) => (
          <textarea
            {...ids}
            rows={4}
            value={settings.system}
            onInput={({ currentTarget: { value } }) => set({ system: value })}
          />
        )}
      </Setting>
      {presets.map((preset) => (
        <Variables key={preset.id} preset={preset} settings={settings} set={set} />
      ))}
      <fieldset class="settings-group">
        <legend>Sampling</legend>
        <div class="settings-numbers">
          {NUMBERS.map(({ name, label, step, usual }) => (
            <Setting key={name} label={label} hint="" problem={problems.find(({ field }) => field === name)}>
              {(ids) => (
                <NumberInput
                  ids={ids}
                  isWhole={step === 1}
                  placeholder={usual}
                  value={settings.numbers[name]}
                  onValue={(value) => {
                    const { [name]: _, ...others } = settings.numbers;
                    set({ numbers: value === undefined ? others : { ...others, [name]: value } });
                  }}
                />
              )}
            </Setting>
          ))}
          <Setting label="Reasoning" hint="">
            {(ids) => (
              <select
                {...ids}
                value={settings.effort}
                onChange={({ currentTarget: { value } }) => set({ effort: value })}
              >
                <option value="">usual</option>
                {EFFORTS.map((effort) => (
                  <option key={effort}>{effort}</option>
                ))}
              </select>
            )}
          </Setting>
        </div>
        <Setting
          label="Stop at"
          hint="A text a line; \n is a line break."
          problem={problems.find(({ field }) => field === "stop")}
        >
          {(ids) => (
            <textarea
              {...ids}
              class="mono"
              rows={2}
              value={settings.stop}
              onInput={({ currentTarget: { value } }) => set({ stop: value })}
            />
          )}
        </Setting>
        <label class="settings-check">
          <input
            type="checkbox"
            checked={settings.hasProbabilities}
            onChange={({ currentTarget: { checked } }) => set({ hasProbabilities: checked })}
          />
          Probabilities of tokens
        </label>
      </fieldset>
      <CodeSetting
        label="JSON schema"
        hint="The answer is JSON that fits it."
        problem={problems.find(({ field }) => field === "schema")}
        placeholder={'{"type": "object", "properties": {}}'}
        value={settings.schema}
        onChange={(schema) => set({ schema })}
      />
      <CodeSetting
        label="Tools"
        hint="A list in OpenAI's form. You type in what they give."
        problem={problems.find(({ field }) => field === "tools")}
        placeholder={'[{"type": "function", "function": {"name": "…"}}]'}
        value={settings.tools}
        onChange={(tools) => set({ tools })}
      />
    </section>
  );
}

type Ids = { readonly id: string; readonly "aria-describedby": string | undefined; readonly "aria-invalid": boolean };

type SettingProps = {
  readonly label: string;
  readonly hint: string;
  readonly problem?: Problem | undefined;
  readonly children: (ids: Ids) => ComponentChildren;
};

/** A labelled field, with what is wrong with it. */
function Setting({ label, hint, problem, children }: SettingProps) {
  const id = useId();
  const note = problem?.message ?? hint;
  return (
    <div class="field setting">
      <label for={id}>{label}</label>
      {children({
        id,
        "aria-describedby": note === "" ? undefined : `${id}-note`,
        "aria-invalid": problem !== undefined,
      })}
      {note !== "" && (
        <div id={`${id}-note`} class={problem === undefined ? "setting-note" : "setting-note setting-problem"}>
          {note}
        </div>
      )}
    </div>
  );
}

type CodeProps = Omit<SettingProps, "children"> & {
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
};

/** A setting that is written as code. */
function CodeSetting({ placeholder, value, onChange, ...setting }: CodeProps) {
  return (
    <Setting {...setting}>
      {(ids) => (
        <textarea
          {...ids}
          class="mono"
          rows={5}
          spellcheck={false}
          placeholder={placeholder}
          value={value}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      )}
    </Setting>
  );
}

type NumberProps = {
  readonly ids: Ids;
  readonly isWhole: boolean;
  readonly placeholder: string;
  readonly value: number | undefined;
  readonly onValue: (value: number | undefined) => void;
};

function toNumber(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}

/** A field for a number. It keeps what is typed, such as `0.`, which is no number of its own. */
function NumberInput({ ids, isWhole, placeholder, value, onValue }: NumberProps) {
  const [text, setText] = useState(value === undefined ? "" : String(value));
  // A change from elsewhere, such as another conversation. Before paint, so that it undoes nothing that is typed meanwhile.
  useLayoutEffect(() => setText((typed) => (toNumber(typed) === value ? typed : String(value ?? ""))), [value]);
  return (
    <input
      {...ids}
      type="number"
      inputMode={isWhole ? "numeric" : "decimal"}
      step={isWhole ? 1 : "any"}
      placeholder={placeholder}
      value={text}
      onInput={({ currentTarget }) => {
        setText(currentTarget.value);
        onValue(toNumber(currentTarget.value));
      }}
    />
  );
}

type VariablesProps = {
  readonly preset: ChatModel;
  readonly settings: Settings;
  readonly set: (changed: Partial<Settings>) => void;
};

/** The variables of a preset. An empty field is the preset's own value. */
function Variables({ preset, settings, set }: VariablesProps) {
  const given = settings.variables[preset.id] ?? {};
  const change = (name: string, value: string) => {
    const { [name]: _, ...others } = given;
    set({ variables: { ...settings.variables, [preset.id]: value === "" ? others : { ...others, [name]: value } } });
  };
  return (
    <fieldset class="settings-group">
      <legend>Variables of {preset.id.replace(/^preset\//, "")}</legend>
      {preset.variables.map(({ name, description, values, usual }) => (
        <Setting key={name} label={usual === undefined ? `${name} (required)` : name} hint={description}>
          {(ids) =>
            values.length > 0 ? (
              <select
                {...ids}
                value={given[name] ?? ""}
                onChange={({ currentTarget: { value } }) => change(name, value)}
              >
                <option value="">{usual ?? ""}</option>
                {values.map((value) => (
                  <option key={value}>{value}</option>
                ))}
              </select>
            ) : (
              <input
                {...ids}
                type="text"
                placeholder={usual ?? ""}
                value={given[name] ?? ""}
                onInput={({ currentTarget: { value } }) => change(name, value)}
              />
            )
          }
        </Setting>
      ))}
    </fieldset>
  );
}
