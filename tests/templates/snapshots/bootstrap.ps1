# Runs the steps of the manifest, one after the other, as SYSTEM at every start of the machine. A step is a file that
# sets $Done (is it there already?), $Do and $Check; it is finished when $Check throws nothing.
. "$PSScriptRoot\lib.ps1"
$null = New-Item -ItemType Directory -Force "$State\done", $Logs, $Inbox, "$Root\downloads", $ModelFolder
$null = Start-Transcript -Path "$Logs\bootstrap.log" -Append
$Tries = 3
$LastStatus = Get-Date
$Status = @{ schema = 1; phase = 'bootstrapping'; steps = @() }
foreach ($row in $Manifest.steps) {
    $Status.steps += @{ name = $row.name; title = $row.title; state = 'pending'; attempt = 0 }
}

function Write-Status {
    $now = Get-Date
    foreach ($step in $Status.steps) {
        $files = $Manifest.files | Where-Object { $_.step -eq $step.name }
        if ($step.state -eq 'done' -or -not $files) { continue }
        [int64]$have = 0
        [int64]$total = 0
        foreach ($file in $files) {
            $total += $file.bytes + $file.estimate
            foreach ($path in $file.path, "$($file.path).part") { if (Test-Path $path) { $have += (Get-Item $path).Length } }
        }
        if ($step.name -eq 'model' -and $have) { $step.state = 'running' }
        $seconds = ($now - $LastStatus).TotalSeconds
        if ($seconds -gt 0.5 -and $null -ne $step.bytes) { $step.rateBytesPerSecond = [int64]([Math]::Max(0, ($have - $step.bytes) / $seconds)) }
        $step.secondsLeft = if ($step.rateBytesPerSecond) { [int64](($total - $have) / $step.rateBytesPerSecond) } else { $null }
        $step.bytes = $have
        $step.totalBytes = $total
        $step.percent = [int][Math]::Min(100, 100 * $have / $total)
    }
    $script:LastStatus = $now
    $Status.updated = $now.ToUniversalTime().ToString('s') + 'Z'
    Save-Text "$State\status.json" (Format-Json $Status)
}

function Set-Message([string]$Text) {
    $Status.message = $Text
    "$(Get-Date -Format s) $Text"
    Write-Status
}

# What did not fit into the user data: pushed over WinRM by the waiting `pulumi up`, or fetched from packageUrl.
function Wait-SecondStage($Step) {
    $wanted = $Manifest.secondStage.sha256
    $zip = "$Inbox\stage2.zip"
    $marker = "$State\second-stage"
    while (-not ((Test-Path $marker) -and [IO.File]::ReadAllText($marker) -eq $wanted)) {
        $why = 'has not come yet'
        if (Test-Path $zip) {
            if ((Get-Sha256 $zip) -eq $wanted) {
                $code = Invoke-Native 'tar.exe' "-xf $zip -C $Root" 'unpack'
                if ($code -eq 0) {
                    Save-Text $marker $wanted
                    Remove-Item $zip
                    continue
                }
            }
            $why = 'came broken and was thrown away'
            Remove-Item $zip -Force
        }
        $Status.waitsFor = "second stage $wanted $why"
        $Status.phase = $Step.state = 'waiting'
        Set-Message 'Run pulumi up with waitReady, or set packageUrl.'
        if ($Settings.packageUrl) {
            try { Save-File $Settings.packageUrl $zip $wanted } catch { "$_" }
        }
        Start-Sleep -Seconds 2
    }
    $Status.waitsFor = $null
    $Status.phase = 'bootstrapping'
}

function Complete-Step($Row) {
    foreach ($need in $Row.needs) { Complete-Step ($Manifest.steps | Where-Object { $_.name -eq $need }) }
    $name = $Row.name
    $step = $Status.steps | Where-Object { $_.name -eq $name }
    $Status.step = $name
    $marker = "$State\done\$name"
    for ($try = 1; $try -le $Tries; $try++) {
        try {
            if ($name -notin @('base', 'python')) {
                Wait-SecondStage $step
                . "$Root\downloads.ps1"
                if (-not $Downloader) { Start-Downloads }
            }
            $step.state = 'running'
            $step.attempt = $try
            Set-Message $Row.title
            . "$Root\steps\$name.ps1"
            if (-not ((Test-Path $marker) -and [IO.File]::ReadAllText($marker) -eq $Row.key -and (& $Done))) {
                Remove-Item $marker -ErrorAction SilentlyContinue
                & $Do
                & $Check
                Save-Text $marker $Row.key
            }
            $step.state = 'done'
            $step.error = $null
            Write-Status
            return
        } catch {
            $parts = "$($_.Exception.Message) |" -split ' \| ?'
            $tail = foreach ($end in '.log', '.err.log') { Get-Content "$Logs\$name$end" -Tail 15 -ErrorAction SilentlyContinue }
            $step.error = @{ message = $parts[0]; hint = $parts[1]; logTail = $tail -join "`n" }
            Set-Message $parts[0]
            if ($try -lt $Tries) { Start-Sleep -Seconds (10 * $try * $try) }
        }
    }
    $step.state = 'failed'
    throw $step.error.message
}

try {
    $null = Start-Process -FilePath 'powershell.exe' -ArgumentList "-NoProfile -ExecutionPolicy Bypass -File $Root\fetch.ps1" -WindowStyle Hidden
    $null = Invoke-Native 'curl.exe' '-f -s --connect-timeout 5 http://metadata.tencentyun.com/latest/meta-data/instance-id' 'machine' 1
    $Status.machine = "$(Get-Content "$Logs\machine.log")"
    foreach ($row in $Manifest.steps) { if (-not $row.beside) { Complete-Step $row } }
    $Status.phase = 'ready'
    Set-Message 'The demo answers.'
} catch {
    $Status.phase = 'failed'
    Set-Message "$($_.Exception.Message)"
} finally {
    # Defender looked away while files were unpacked, no longer.
    Remove-MpPreference -ExclusionPath $Root, $Conda, $ModelFolder -ErrorAction SilentlyContinue
    $null = Stop-Transcript
}
