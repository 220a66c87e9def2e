import { useState } from "preact/hooks";
import { Dialog, SCROLLS } from "../../frame/parts.tsx";
import type { Body } from "../request/body.ts";
import { type Sample, writeSamples } from "../request/samples.ts";
import { CopyAct } from "./copy-act.tsx";

/** A request as programs, to be copied. */
export function Samples({ body, onClose }: { readonly body: Body | undefined; readonly onClose: () => void }) {
  const [language, setLanguage] = useState<Sample["language"]>("curl");
  const samples = body === undefined ? [] : writeSamples(location.origin, body);
  const shown = samples.find((each) => each.language === language);
  return (
    <Dialog title="The request as a program" isOpen={body !== undefined} onClose={onClose}>
      <div class="samples-head">
        <fieldset class="samples-languages">
          <legend class="unseen">Language</legend>
          {samples.map((each) => (
            <label key={each.language}>
              <input
                type="radio"
                name="sample-language"
                checked={each.language === language}
                onChange={() => setLanguage(each.language)}
              />
              {each.language}
            </label>
          ))}
        </fieldset>
        <CopyAct text={shown?.code ?? ""} label="Copy the program" />
      </div>
      <pre class="samples-code" {...SCROLLS}>
        {shown?.code}
      </pre>
      <p class="quiet">The key, if one is needed, is read from the variable SLUICE_API_KEY.</p>
    </Dialog>
  );
}
