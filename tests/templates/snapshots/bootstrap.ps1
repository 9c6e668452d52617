# The installation, run as SYSTEM at every start of the machine. The first stage opens the way to the machine, begins
# the long downloads and tells what goes wrong; everything else is in the second stage, which comes over that way.
. "$PSScriptRoot\lib.ps1"
$null = New-Item -ItemType Directory -Force "$State\done", $Logs, $Inbox, "$Root\downloads", $ModelFolder
try {
    if ((Test-Path "$Logs\bootstrap.log") -and (Get-Item "$Logs\bootstrap.log").Length -gt 1000000) { Move-Item "$Logs\bootstrap.log" "$Logs\bootstrap-old.log" -Force }
    $null = Start-Transcript -Path "$Logs\bootstrap.log" -Append
} catch { Write-Host "$_" }
$Status = @{ schema = 1; phase = 'bootstrapping'; steps = @(); pid = $PID; manifest = Read-Text "$Root\manifest.sha256" }
foreach ($row in $Manifest.steps) {
    $Status.steps += @{ name = $row.name; title = $row.name; state = 'pending'; attempt = 0 }
}

# The second stage has more to tell.
function Update-Progress { }

# Never throws: whoever waits for an installer would leave it alone.
function Write-Status {
    try {
        Update-Progress
        $Status.updated = [DateTime]::UtcNow.ToString('s') + 'Z'
        $Status.beat = [Diagnostics.Stopwatch]::GetTimestamp() / [Diagnostics.Stopwatch]::Frequency
        Save-Text "$State\status.json" (Format-Json $Status)
    } catch {
        Write-Host "$_"
        # Room for the status of a full disk.
        Remove-Item "$State\ballast" -Force -ErrorAction SilentlyContinue
    }
}

function Set-Message([string]$Id, [string]$Text, [object[]]$Parts = @()) {
    if ($Text -ne $Status.message) { Write-Host "$(Get-Date -Format s) $Text" }
    $Status.messageId = $Id
    $Status.message = $Text
    $Status.parts = $Parts
    Write-Status
}

# A part of a step that stands for itself: what fails is told beside the others.
function Invoke-Part([string]$Id, [scriptblock]$Part) {
    try { & $Part } catch {
        $trouble = (Read-Trouble $_).Clone()
        $trouble.id = $Id
        $step.warnings += $trouble
        Write-Host "${Id}: $($trouble.message)"
    }
}

function Open-Channel {
    $step = $Status.steps | Where-Object { $_.name -eq 'base' }
    if ($step.state -eq 'done' -and -not $step.warnings) { return }
    if (-not $step) { $step = @{ attempt = 0 } }
    $step.warnings = @()
    $step.attempt++
    try {
        . "$Root\steps\base.ps1"
        & $Do
        & $Check
        $step.state = 'done'
        $step.error = $null
    } catch {
        $step.state = 'failed'
        $step.error = Read-Trouble $_
    }
    Write-Status
}

# Pushed over WinRM by the waiting `pulumi up`, or fetched from packageUrl. It is kept and unpacked at every start:
# scripts that the power left empty are whole again.
function Wait-SecondStage {
    $wanted = $Manifest.secondStage.sha256
    $zip = "$Root\second-stage.zip"
    $came = "$Inbox\stage2.zip"
    $why = 'has not come yet'
    for ($round = 1; $true; $round++) {
        if (Test-Path $came) {
            if ((Get-Sha256 $came) -eq $wanted) { Move-Item $came $zip -Force } else {
                $why = 'came broken and was thrown away'
                Remove-Item $came -Force
            }
        }
        # -m: with the time of now, or Python would take its compiled files of before for those of the new ones.
        if ((Get-Sha256 $zip) -eq $wanted) {
            if ((Invoke-Native 'tar.exe' "-xmf $zip -C $Root" 'unpack') -eq 0) { break }
            $why = 'is there, but a file of it cannot be replaced'
        }
        $Status.waitsFor = "second stage $wanted $why"
        $Status.phase = 'waiting'
        Set-Message 'second-stage.waits' 'Run pulumi up with waitReady, or set packageUrl.'
        if ($Settings.packageUrl) { $null = Invoke-Native 'curl.exe' ((Get-CurlOptions 'second-stage') + '"{0}" "{1}"' -f $came, $Settings.packageUrl) 'second-stage' }
        if ($round % 15 -eq 0) { Open-Channel }
        Start-Sleep -Seconds 2
    }
    $Status.secondStage = $wanted
    $Status.waitsFor = $null
    $Status.phase = 'bootstrapping'
}

try {
    Stop-Leftovers
    Open-Channel
    if (-not $Manifest) { throw (New-Trouble 'manifest.damaged' 'the manifest is damaged' 'Run pulumi up: it sends it anew.') }
    $null = Start-Process -FilePath 'powershell.exe' -ArgumentList "-NoProfile -ExecutionPolicy Bypass -File $Root\fetch.ps1" -WindowStyle Hidden
    Wait-SecondStage
    . "$Root\install.ps1"
} catch {
    $trouble = Read-Trouble $_
    $Status.phase = 'failed'
    $Status.error = $trouble
    Set-Message $trouble.id $trouble.message $trouble.parts
} finally {
    try { $null = Stop-Transcript } catch { Write-Host "$_" }
}
