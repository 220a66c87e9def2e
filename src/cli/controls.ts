/** Whatever moves a terminal's cursor, changes its colours, or turns the direction of writing, made visible. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, showControl);
}

/** The same, but line breaks and tabs stay what they are. */
export function escapeAllButLayout(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, (control) =>
      control === "\n" || control === "\t" ? control : showControl(control),
    );
}

/** For text that is only shown in order to be judged: what takes no place on the screen, or has no agreed look, by its number. Emoji suffer by it. */
export function escapeHidden(text: string): string {
  return text.replace(
    /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** What a command writes of a model's answer: as it is, unless a terminal would act on it. */
export function answerFor(output: { readonly isTTY?: boolean }, text: string): string {
  return output.isTTY === true ? escapeAllButLayout(text) : text;
}

function showControl(control: string): string {
  const code = control.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
}
