# As an earlier version of this project launched machines with; kept as it was, faults and all.
# What all scripts share. Windows PowerShell 5.1, plain ASCII (read in the machine's own code page, there is no BOM).
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
# 3072 is TLS 1.2, which .NET may leave out.
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor 3072
$Root = 'C:\chatglm'
$State = "$Root\state"
$Logs = "$Root\logs"
$Inbox = "$Root\inbox"
$Conda = 'C:\miniconda3'
$ModelFolder = 'C:\chatglm-6b'
$Venv = "$Root\venv"
$Python = "$Venv\Scripts\python.exe"
$Manifest = ConvertFrom-Json ([IO.File]::ReadAllText("$Root\manifest.json"))
$Settings = $Manifest.settings
foreach ($file in $Manifest.files) {
    $file.path = $file.path.Replace('{file}', $file.id)
    $file.urls = @($file.urls | ForEach-Object { $_.Replace('{file}', $file.id) })
}

# Conda's Python finds its TLS library only through PATH; cpm_kernels finds the CUDA libraries for int8 and int4 there.
# Behind Windows' own folders, whose curl and tar are meant.
$env:PATH = "$Venv\Scripts;$env:PATH;$Conda;$Conda\Library\bin;$Venv\Lib\site-packages\torch\lib"
$env:PYTHONPATH = $Root
$env:PYTHONUTF8 = '1'
$env:PYTHONIOENCODING = 'utf-8'
$env:CHATGLM_ROOT = $Root
$env:CHATGLM_MODEL = $ModelFolder

# Readers see the old file or the new one. Windows refuses to replace a file while somebody reads it.
function Save-Text([string]$Path, [string]$Text) {
    $new = "$Path.$PID"
    [IO.File]::WriteAllText($new, $Text)
    for ($try = 1; $try -le 50; $try++) {
        try {
            if (Test-Path $Path) { [IO.File]::Replace($new, $Path, [NullString]::Value) } else { [IO.File]::Move($new, $Path) }
            return
        } catch { Start-Sleep -Milliseconds 100 }
    }
}

function Read-Json([string]$Path) {
    try { ConvertFrom-Json ([IO.File]::ReadAllText($Path)) } catch { $null }
}

# One line of ASCII: output passes through the console's code page.
function Format-Json($Value) {
    $json = ConvertTo-Json $Value -Depth 6 -Compress
    [regex]::Replace($json, '[^\x00-\x7f]', { param($m) '\u{0:x4}' -f [int][char]$m.Value })
}

function Get-Sha256([string]$Path) { (Get-FileHash -Path $Path -Algorithm SHA256).Hash.ToLower() }

function Register-StartTask([string]$Name, [string]$Script) {
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File $Script"
    # Without a limit of zero Windows ends a task after three days.
    $options = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -MultipleInstances IgnoreNew
    $null = Register-ScheduledTask -TaskName $Name -Action $action -Trigger (New-ScheduledTaskTrigger -AtStartup) -Settings $options -User 'SYSTEM' -RunLevel Highest -Force
}

# Only SYSTEM (S-1-5-18) and Administrators (S-1-5-32-544): what lies here is run as SYSTEM.
function Protect-Folder([string]$Path) {
    $code = Invoke-Native 'icacls.exe' "$Path /inheritance:r /grant *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F" 'base'
    if ($code -ne 0) { throw "the rights of $Path cannot be set ($code)" }
}

# Runs a program and waits, keeping the status fresh. Its output goes to files, as anything on stderr would end a
# script that stops at errors. Returns the exit code. The caller joins and quotes the arguments.
function Invoke-Native([string]$File, [string]$Arguments, [string]$Log, [int]$Minutes = 10) {
    $process = Start-Process -FilePath $File -ArgumentList $Arguments -NoNewWindow -PassThru -RedirectStandardOutput "$Logs\$Log.log" -RedirectStandardError "$Logs\$Log.err.log"
    # Without a handle Windows forgets the exit code.
    $null = $process.Handle
    $ends = (Get-Date).AddMinutes($Minutes)
    while (-not $process.WaitForExit(2000)) {
        Write-Status
        if ((Get-Date) -gt $ends) {
            $process.Kill()
            throw "$File took more than $Minutes minutes"
        }
    }
    $process.ExitCode
}

function Write-Status { }

# Resumes after each cut in a new run of curl: its own retries would start again at the old offset.
function Save-File([string[]]$Url, [string]$Path, [string]$Sha256) {
    for ($try = 0; $try -lt 20; $try++) {
        if ((Test-Path $Path) -and (Get-Sha256 $Path) -eq $Sha256) { return }
        if ($try) { Start-Sleep -Seconds (3 * $try) }
        $code = Invoke-Native 'curl.exe' ($CurlOptions + '"{0}" "{1}"' -f $Path, $Url[$try % $Url.Count]) 'curl' 120
        # 0: whole, but the hash was wrong or is compared next. 33: the source cannot go on from the middle.
        if (((Test-Path $Path) -and $code -eq 0 -and (Get-Sha256 $Path) -ne $Sha256) -or $code -eq 33) { Remove-Item $Path -Force }
    }
    throw "$($Url[0]) cannot be had or is wrong | See curl.err.log."
}
# In China the servers that revoke certificates often do not answer.
$CurlOptions = '-f -s -S -L -C - --retry 0 --ssl-revoke-best-effort --connect-timeout 20 --speed-limit 10000 --speed-time 60 -o '
