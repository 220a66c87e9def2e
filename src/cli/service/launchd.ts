import { join } from "node:path";
import { MARK, type Manager, type Scope, type Service } from "./service.ts";

const LABEL = "io.github.sluice-gateway";

/**
 * The service of macOS: `man launchd.plist`.
 *
 * @param userId the user's number, for a service of the user's own
 */
export function launchd(scope: Scope, home: string, userId: number): Manager {
  const domain = scope === "user" ? `gui/${userId}` : "system";
  const path =
    scope === "user"
      ? join(home, `Library/LaunchAgents/${LABEL}.plist`)
      : join("/Library/LaunchDaemons", `${LABEL}.plist`);
  return {
    name: "launchd",
    path,
    write: writePlist,
    begin: [["launchctl", "bootstrap", domain, path]],
    end: [["launchctl", "bootout", `${domain}/${LABEL}`]],
    forget: [],
    state: ["launchctl", "print", `${domain}/${LABEL}`],
  };
}

function writePlist({ command, folder, stopSeconds, runAs, logFile }: Service): string {
  const string = (text: string) => `<string>${escapeXml(text)}</string>`;
  const user = runAs === undefined ? "" : `  <key>UserName</key>${string(runAs)}\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${MARK}, and removed by \`sluice service remove\`. -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${string(LABEL)}
  <key>ProgramArguments</key>
  <array>
${command.map((word) => `    ${string(word)}\n`).join("")}  </array>
  <key>WorkingDirectory</key>${string(folder)}
${user}  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>10</integer>
  <key>ExitTimeOut</key><integer>${stopSeconds}</integer>
  <!-- Without it macOS gives a service less of the processor. -->
  <key>ProcessType</key><string>Interactive</string>
  <key>Umask</key><integer>63</integer>
  <key>StandardErrorPath</key>${string(logFile)}
</dict>
</plist>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
