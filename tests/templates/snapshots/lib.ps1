# What both stages share. Windows PowerShell 5.1, plain ASCII (read in the machine's own code page, there is no BOM).
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$Root = 'C:\chatglm'
$State = "$Root\state"
$Logs = "$Root\logs"
$Inbox = "$Root\inbox"
$ModelFolder = 'C:\chatglm-6b'
$Task = 'ChatGLM bootstrap'

function Read-Text([string]$Path) { try { [IO.File]::ReadAllText($Path) } catch { '' } }

function Read-Json([string]$Path) { try { ConvertFrom-Json (Read-Text $Path) } catch { $null } }

# Readers see the old file or the new one, whole and on the disk. Windows refuses to replace a file while somebody
# reads it.
function Save-Text([string]$Path, [string]$Text) {
    $new = "$Path.$PID"
    $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
    try {
        $out = [IO.File]::Open($new, 'Create')
        try {
            $out.Write($bytes, 0, $bytes.Length)
            $out.Flush($true)
        } finally { $out.Close() }
        for ($try = 1; $true; $try++) {
            try {
                if (Test-Path $Path) { [IO.File]::Replace($new, $Path, [NullString]::Value) } else { [IO.File]::Move($new, $Path) }
                return
            } catch {
                if ($try -ge 50) { throw }
                # Somebody keeps it open at the remote desktop.
                if ($try -ge 3) {
                    try {
                        [IO.File]::WriteAllBytes($Path, $bytes)
                        return
                    } catch { $null = $_ }
                }
                Start-Sleep -Milliseconds 100
            }
        }
    } finally { Remove-Item $new -Force -ErrorAction SilentlyContinue }
}

# One line of ASCII: output passes through the console's code page.
function Format-Json($Value) {
    $json = ConvertTo-Json $Value -Depth 20 -Compress
    [regex]::Replace($json, '[^\x00-\x7f]', { param($m) '\u{0:x4}' -f [int][char]$m.Value })
}

function Get-Sha256([string]$Path) { if (Test-Path $Path) { (Get-FileHash -Path $Path -Algorithm SHA256).Hash.ToLower() } }

# A sentence of the Python side: with its form and parts where it has them, so that it is worded where it is read.
function Get-Said($Document, [string]$Name) {
    $wire = $Document.phrases.$Name
    if ($wire) { @{ text = "$($Document.$Name)"; form = $wire.form; parts = $wire.parts } } else { "$($Document.$Name)" }
}

function Get-Plain($Said) { if ($Said -is [hashtable]) { $Said.text } else { $Said } }

# A trouble has a name in the catalogue, a sentence with its parts, and what to do about it. It is thrown as it is.
function New-Trouble([string]$Id, [string]$Message, $Hint, [object[]]$Parts = @()) {
    $plain = @($Parts | ForEach-Object { Get-Plain $_ })
    $trouble = @{ id = $Id; message = $Message -f $plain; hint = "$(Get-Plain $Hint)"; parts = $Parts }
    if ($Hint -is [hashtable]) { $trouble.phrases = @{ hint = $Hint } }
    $trouble
}

function Read-Trouble($Record) {
    if ($Record.TargetObject -is [hashtable]) { $Record.TargetObject } else { @{ id = 'unexpected'; message = "$($Record.Exception.Message)"; hint = ''; parts = @() } }
}

function Test-Manifest($It) { $It.schema -le 1 -and $It.steps -and $It.files -and $It.settings.demoPort -and $It.secondStage.sha256 }

# The manifest, or its copy where it is damaged; nothing where both are.
foreach ($ManifestPath in "$Root\manifest.json", "$State\manifest.json") {
    $Manifest = Read-Json $ManifestPath
    if (Test-Manifest $Manifest) { break }
    $Manifest = $null
}
$Settings = $Manifest.settings
foreach ($file in $Manifest.files) {
    $file.path = $file.path.Replace('{file}', $file.id)
    $file.urls = @($file.urls | ForEach-Object { $_.Replace('{file}', $file.id) })
}

# Ends processes with all that they started. A child is younger than its parent: numbers are used again, and some of
# Windows' own have parents that are long gone.
function Stop-Tree([object[]]$Ids) {
    $all = @(Get-CimInstance Win32_Process)
    $ends = @($all | Where-Object { $_.ProcessId -in $Ids })
    for ($at = 0; $at -lt $ends.Count; $at++) {
        $one = $ends[$at]
        $ends += @($all | Where-Object { $_.ParentProcessId -eq $one.ProcessId -and $_.CreationDate -ge $one.CreationDate -and $_ -notin $ends -and $_.ProcessId -ne $PID })
    }
    foreach ($one in $ends) { Stop-Process -Id $one.ProcessId -Force -ErrorAction SilentlyContinue }
}

# Ends what matches, as a stopped task leaves its children. Without a word: a verb prints its document alone.
function Stop-Matching([string]$Pattern) {
    try { Stop-Tree @(Get-CimInstance Win32_Process | Where-Object { $_.CommandLine -match $Pattern -and $_.ProcessId -ne $PID } | ForEach-Object { $_.ProcessId }) } catch { $null = $_ }
}

# Two that install would spoil each other's files.
function Stop-Leftovers { Stop-Matching 'bootstrap\.ps1|fetch\.ps1|guest\.(download|source)|\.part"|chatglm\\downloads\\|-m (pip|venv) ' }

function Register-StartTask([string]$Name, [string]$What) {
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass $What"
    # Without a limit of zero Windows ends a task after three days. Its usual priority is 7, at half of the disk's speed.
    $options = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -MultipleInstances IgnoreNew -Priority 4
    $null = Register-ScheduledTask -TaskName $Name -Action $action -Trigger (New-ScheduledTaskTrigger -AtStartup) -Settings $options -User 'SYSTEM' -RunLevel Highest -Force
}

# A task that still ends would not start again.
function Stop-Task([string]$Name) {
    Stop-ScheduledTask -TaskName $Name -ErrorAction SilentlyContinue
    for ($try = 0; $try -lt 30 -and (Get-ScheduledTask -TaskName $Name -ErrorAction SilentlyContinue).State -eq 'Running'; $try++) { Start-Sleep -Seconds 1 }
}

# The task unpacks the second stage first: it holds every script, and a power cut may have left one empty. One of other
# settings goes.
function Restart-Bootstrap {
    Stop-Task $Task
    Stop-Leftovers
    $zip = "$Root\second-stage.zip"
    if ($Manifest -and (Get-Sha256 $zip) -ne $Manifest.secondStage.sha256) { Remove-Item $zip -Force -ErrorAction SilentlyContinue }
    Register-StartTask $Task "-Command tar.exe -xmf $zip -C $Root; & $Root\bootstrap.ps1"
    Start-ScheduledTask -TaskName $Task
}

# Runs a program and waits, keeping the status fresh. Its output goes to files, as anything on stderr would end a
# script that stops at errors. Returns the exit code. The caller joins and quotes the arguments. Whatever happens, it
# has ended then, with all that it started. The limit's clock does not jump when Windows learns the time.
function Invoke-Native([string]$File, [string]$Arguments, [string]$Log, [int]$Minutes = 10) {
    $process = Start-Process -FilePath $File -ArgumentList $Arguments -NoNewWindow -PassThru -RedirectStandardOutput "$Logs\$Log.log" -RedirectStandardError "$Logs\$Log.err.log"
    # Without a handle Windows forgets the exit code.
    $null = $process.Handle
    $clock = [Diagnostics.Stopwatch]::StartNew()
    try {
        while (-not $process.WaitForExit(2000)) {
            Write-Status
            if ($clock.Elapsed.TotalMinutes -gt $Minutes) { throw (New-Trouble 'program.slow' '{0} took more than {1} minutes' 'It is tried again; the end of the log tells how far it came.' $File, $Minutes) }
        }
    } finally { if (-not $process.HasExited) { Stop-Tree $process.Id } }
    $process.ExitCode
}

# Only the installation has a status to keep.
if (-not $Status) { function Write-Status { } }

# In China the servers that revoke certificates often do not answer; curl of older images does not know that option.
function Get-CurlOptions([string]$Log) {
    $best = '--ssl-revoke-best-effort'
    if (Invoke-Native 'curl.exe' "$best -V" $Log) { $best = '' }
    "-f -s -S -L -C - --retry 0 $best --connect-timeout 20 --speed-limit 10000 --speed-time 60 -o "
}
