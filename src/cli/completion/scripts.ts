export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

// Each asks the program and hands its words to the shell as data: nothing that comes back is read as shell code.

const BASH = `# Completion of sluice for bash. To have it in each shell, add to ~/.bashrc:
#   source <(sluice completion bash)

_sluice() {
  local rest=\${COMP_LINE:0:COMP_POINT} trimmed part typed index line head
  local -a words=()
  COMPREPLY=()
  # COMP_WORDS are cut at each of COMP_WORDBREAKS. What no space parts is one word.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    part=\${COMP_WORDS[index]}
    if [[ $trimmed == "$part"* ]]; then
      head=$part
    else
      head=$trimmed
    fi
    if ((index == 0)) || [[ $trimmed != "$rest" ]]; then
      words+=("$head")
    else
      words[\${#words[@]}-1]+=$head
    fi
    rest=\${trimmed:\${#head}}
  done
  typed=\${words[\${#words[@]}-1]}
  # bash replaces what stands after the last of these, and keeps the rest.
  head=
  if [[ $typed != [\\"\\']* ]]; then
    for ((index = \${#typed} - 1; index >= 0; index--)); do
      part=\${typed:index:1}
      if [[ $part == [:=@] && $COMP_WORDBREAKS == *"$part"* ]]; then
        head=\${typed:0:index+1}
        break
      fi
    done
  fi
  while IFS= read -r line; do
    case $line in
      :files) return ;;
      :folders)
        compopt -o dirnames +o default +o bashdefault 2>/dev/null
        return
        ;;
    esac
    line=\${line%%$'\\t'*}
    COMPREPLY+=("\${line:\${#head}}")
  done < <("\${COMP_WORDS[0]}" completion --candidates bash "\${words[@]:1}" 2>/dev/null)
  if ((\${#COMPREPLY[@]} == 0)); then
    compopt +o default +o bashdefault 2>/dev/null
  fi
}

complete -o bashdefault -o default -F _sluice sluice sluice-gateway
`;

const ZSH = `#compdef sluice sluice-gateway
# Completion of sluice for zsh. To have it in each shell, add to ~/.zshrc, after compinit:
#   source <(sluice completion zsh)
# or write it to a file _sluice in a folder of $fpath.

_sluice() {
  local line
  local -a values shown
  while IFS= read -r line; do
    case $line in
      :files*|:folders*)
        compset -P '--[a-z-]##='
        if [[ $line == :files* ]]; then _files; else _files -/; fi
        return
        ;;
    esac
    values+=("\${line%%$'\\t'*}")
    if [[ $line == *$'\\t'* ]]; then
      shown+=("\${line%%$'\\t'*}  -- \${line#*$'\\t'}")
    else
      shown+=("$line")
    fi
  done < <("$words[1]" completion --candidates zsh "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  (( $#values )) || return 1
  compadd -l -d shown -a -- values
}

if [[ $funcstack[1] == _sluice ]]; then
  _sluice "$@"
elif (( $+functions[compdef] )); then
  compdef _sluice sluice sluice-gateway
fi
`;

const FISH = `# Completion of sluice for fish. To have it in each shell:
#   sluice completion fish > ~/.config/fish/completions/sluice.fish

function __sluice_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines ($words[1] completion --candidates fish $words[2..-1] "$last" 2>/dev/null)
    switch "$lines[1]"
        case ':files*' ':folders*'
            set -l before (string replace -r '^:[a-z]+ ?' '' -- $lines[1])
            set -l path (string sub -s (math (string length -- "$before") + 1) -- $last)
            if string match -q ':files*' -- $lines[1]
                printf '%s\\n' $before(__fish_complete_path $path)
            else
                printf '%s\\n' $before(__fish_complete_directories $path)
            end
        case '*'
            printf '%s\\n' $lines
    end
end

complete -c sluice -e
complete -c sluice -f -a '(__sluice_complete)'
complete -c sluice-gateway -w sluice
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function isShell(word: string): word is Shell {
  return SHELLS.some((shell) => shell === word);
}

/** The script that has a shell complete command lines of `sluice`. */
export function scriptFor(shell: Shell): string {
  return SCRIPTS[shell];
}
