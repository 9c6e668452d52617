# What the scripts of the second stage share, besides lib.ps1.
. "$PSScriptRoot\lib.ps1"
$Conda = 'C:\miniconda3'
$Venv = "$Root\venv"
$Python = "$Venv\Scripts\python.exe"

# Conda's Python finds its TLS library only through PATH; cpm_kernels finds the CUDA libraries for int8 and int4 there.
# Behind Windows' own folders, whose curl and tar are meant.
if ($env:PATH -notlike "*;$Conda;*") { $env:PATH = "$Venv\Scripts;$env:PATH;$Conda;$Conda\Library\bin;$Venv\Lib\site-packages\torch\lib" }
$env:PYTHONPATH = $Root
$env:PYTHONUTF8 = '1'
$env:PYTHONIOENCODING = 'utf-8'
$env:CHATGLM_ROOT = $Root
$env:CHATGLM_MODEL = $ModelFolder

# The ends of logs, each line read as what it was written in: Python's in UTF-8, Windows' own and installers' in the
# code page 936.
function Read-Tail([string[]]$Path, [int]$Lines = 15) {
    $strict = New-Object Text.UTF8Encoding $false, $true
    foreach ($one in $Path) {
        try {
            $in = [IO.File]::Open($one, 'Open', 'Read', 'ReadWrite')
            try {
                $null = $in.Seek(-[Math]::Min($in.Length, 65536), 'End')
                $block = New-Object byte[] 65536
                # Some installers write in UTF-16, with a mark.
            $text = [Text.Encoding]::GetEncoding(28591).GetString($block, 0, $in.Read($block, 0, 65536)).Replace("`0", '') -replace '^\xff\xfe'
            } finally { $in.Close() }
        } catch { continue }
        foreach ($line in $text -split '\r?\n' | Where-Object { $_ } | Select-Object -Last $Lines) {
            $bytes = [Text.Encoding]::GetEncoding(28591).GetBytes($line)
            try { $strict.GetString($bytes) } catch { [Text.Encoding]::GetEncoding(936).GetString($bytes) }
        }
    }
}

# Only SYSTEM (S-1-5-18) and Administrators (S-1-5-32-544). Once, as it walks everything below.
function Protect-Folder([string]$Path) {
    $mark = "$State\protected-$(Split-Path $Path -Leaf)"
    if (Test-Path $mark) { return }
    $code = Invoke-Native 'icacls.exe' "$Path /inheritance:r /grant *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F" 'rights'
    if ($code -ne 0) { throw (New-Trouble 'rights' 'the rights of {0} cannot be set ({1})' '' $Path, $code) }
    Save-Text $mark ''
}
