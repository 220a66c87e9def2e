import { useState } from "preact/hooks";
import { Act } from "./act.tsx";
import { copyText } from "./copy.ts";

/** Copies a text, and says so until the pointer or the focus leaves. */
export function CopyAct({ text, label }: { readonly text: string; readonly label: string }) {
  const [said, setSaid] = useState("Copy");
  return (
    <span onPointerLeave={() => setSaid("Copy")} onBlurCapture={() => setSaid("Copy")}>
      <Act
        label={said === "Copy" ? label : said}
        onClick={() => void copyText(text).then((isCopied) => setSaid(isCopied ? "Copied" : "Can't copy"))}
      >
        {said}
      </Act>
    </span>
  );
}
