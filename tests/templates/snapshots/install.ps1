# The engine: runs the steps of the manifest, one after the other. A step is a file that sets $Done (is it there
# already?), $Do and $Check; it is finished when $Check throws nothing. With $Proves, $Done alone shows that what is
# there is right, also where the mark of the finished step was lost.
. "$PSScriptRoot\common.ps1"
. "$PSScriptRoot\downloads.ps1"
$Tries = 3
$Titles = @{
    base = 'WinRM and firewall'
    windows = 'Windows settings'
    python = 'Python (Miniconda)'
    model = 'ChatGLM-6B model'
    driver = 'NVIDIA driver'
    cuda = 'CUDA toolkit 11.8'
    cudnn = 'cuDNN 8.9.7'
    torch = 'PyTorch 2.0.1 with CUDA 11.8'
    packages = 'Python packages'
    source = 'ChatGLM-6B source'
    demo = 'Web demo'
    watcher = 'Reclaim watcher'
    check = 'Final check'
}
foreach ($step in $Status.steps) { $step.title = $Titles[$step.name] }
$Clock = [Diagnostics.Stopwatch]::StartNew()
$LastLook = 0

# Both are whole: what the power damaged in one is in the other.
$text = Read-Text $ManifestPath
foreach ($one in "$Root\manifest.json", "$State\manifest.json") { if ((Read-Text $one) -ne $text) { Save-Text $one $text } }
# What a run left that the power ended.
Remove-Item "$State\*.[0-9]*", "$State\done\*.[0-9]*" -Force -ErrorAction SilentlyContinue
# Writing the status gives it back when the disk is full.
try { [IO.File]::WriteAllBytes("$State\ballast", (New-Object byte[] 262144)) } catch { Write-Host "$_" }

function Update-Progress {
    $now = $Clock.Elapsed.TotalSeconds
    $seconds = $now - $LastLook
    foreach ($step in $Status.steps) {
        $files = $Manifest.files | Where-Object { $_.step -eq $step.name }
        if ($step.state -in 'done', 'failed' -or -not $files) { continue }
        [int64]$have = 0
        [int64]$total = 0
        foreach ($file in $files) {
            $total += $file.bytes + $file.estimate
            # The downloader renames them meanwhile.
            foreach ($path in $file.path, "$($file.path).part") { $have += (Get-Item $path -ErrorAction SilentlyContinue).Length }
        }
        if ($step.name -eq 'model' -and $have) { $step.state = 'running' }
        if ($seconds -gt 0.5 -and $null -ne $step.bytes) { $step.rateBytesPerSecond = [int64]([Math]::Max(0, ($have - $step.bytes) / $seconds)) }
        $step.secondsLeft = if ($step.rateBytesPerSecond) { [int64](($total - $have) / $step.rateBytesPerSecond) } else { $null }
        $step.bytes = $have
        $step.totalBytes = $total
        $step.percent = [int][Math]::Min(100, 100 * $have / $total)
    }
    $script:LastLook = $now
}

# A mark is a key of eight digits; anything else is one that the power damaged. Another key is another outcome. What
# cannot even be looked at (a program that is no longer one) is not done.
function Test-Done($Row) {
    $mark = Read-Text "$State\done\$($Row.name)"
    if ($mark -ne $Row.key -and ($mark -match '^[0-9a-f]{8}$' -or -not $Proves)) { return $false }
    try {
        if (-not (& $Done)) { return $false }
        if ($mark -ne $Row.key) { & $Check }
        $true
    } catch { $false }
}

# The log of an installer is its own; a folder holds several.
function Read-StepLog([string]$Name) {
    $own = Get-ChildItem "$Logs\$Name-setup" -Recurse -File -ErrorAction SilentlyContinue | ForEach-Object { $_.FullName }
    # What the page itself said is in a log of its supervisor; Miniconda's installer leaves one in its folder, if any.
    $more = switch ($Name) { 'serve' { "$Logs\demo.log" } 'python' { "$Conda\install.log" } }
    @(Read-Tail (@("$Logs\$Name.log", "$Logs\$Name.err.log") + $own + $more)) -join "`n"
}

function Complete-Step($Row) {
    $name = $Row.name
    $step = $Status.steps | Where-Object { $_.name -eq $name }
    $mark = "$State\done\$name"
    for ($try = 1; $try -le $Tries; $try++) {
        foreach ($need in $Row.needs) { Complete-Step ($Manifest.steps | Where-Object { $_.name -eq $need }) }
        $Status.step = $name
        try {
            # An error must not show the log of the try before.
            $log = if ($name -eq 'demo') { 'serve' } else { $name }
            Remove-Item "$Logs\$log.log", "$Logs\$log.err.log", "$Logs\$log-setup" -Recurse -Force -ErrorAction SilentlyContinue
            $step.state = 'running'
            $step.attempt = $try
            Set-Message "step.$name" $step.title
            $Proves = $false
            . "$Root\steps\$name.ps1"
            if (-not (Test-Done $Row)) {
                Remove-Item $mark -Force -ErrorAction SilentlyContinue
                & $Do
                & $Check
            }
            Save-Text $mark $Row.key
            # Used up; not before, or a step that fails, or the power, would cost them again.
            if ($name -ne 'model') { Remove-Downloads $name }
            Remove-Item "$State\restarts-$name.json" -Force -ErrorAction SilentlyContinue
            $step.state = 'done'
            $step.error = $null
            Write-Status
            return
        } catch {
            $step.error = (Read-Trouble $_).Clone()
            $free = (Get-PSDrive C).Free
            if ($null -ne $free -and $free -lt 200000000) { $step.error = New-Trouble 'disk.full' 'the disk is full: {0} MB are free' 'Delete old runs, or take a larger systemDiskGb.' ([int]($free / 1000000)) }
            $step.error.logTail = Read-StepLog $log
            if ($try -eq $Tries) { $step.state = 'failed' }
            Set-Message $step.error.id $step.error.message $step.error.parts
            if ($name -ne 'model') { Undo-Downloads $name }
            if ($try -lt $Tries) { Start-Sleep -Seconds (10 * $try * $try) }
        }
    }
    throw $step.error
}

# The instance id: the status on a restored disk is that of another machine. A silent metadata service ends nothing.
# 6: names cannot be looked up in the first minutes of a start, which must not cost a try.
function Find-Machine {
    for ($try = 0; $try -lt 60; $try++) {
        try { $code = Invoke-Native 'curl.exe' '-f -s --connect-timeout 5 -m 10 http://metadata.tencentyun.com/latest/meta-data/instance-id' 'machine' 1 } catch { $code = -1 }
        if ($code -ne 6) { break }
        Start-Sleep -Seconds 6
    }
    $Status.machine = [regex]::Match((Read-Text "$Logs\machine.log"), '^[\w-]{1,40}').Value
    $before = [regex]::Match((Read-Text "$State\machine"), '^[\w-]{1,40}$').Value
    # The disk of another machine: its user data comes in a moment, and starts this anew with the settings of today.
    for ($try = 0; $before -and $Status.machine -and $before -ne $Status.machine -and $try -lt 120; $try++) {
        Set-Message 'image.starts' 'The machine starts from its image.'
        Start-Sleep -Seconds 6
    }
    Save-Text "$State\machine" $Status.machine
}

Find-Machine
# The second stage may have come another way.
Open-Channel
try {
    foreach ($row in $Manifest.steps) { if (-not $row.beside -and $row.name -ne 'base') { Complete-Step $row } }
} finally {
    # Defender looked away while files were unpacked, no longer.
    try { Remove-MpPreference -ExclusionPath $Root, $Conda, $ModelFolder } catch { Write-Host "$_" }
}
# What an earlier version, or other settings, left: it would go into every image.
Remove-Item "$Root\downloads\*", "$Inbox\stage2.zip*", "$Inbox\model-files.zip*" -Recurse -Force -ErrorAction SilentlyContinue
$Status.phase = 'ready'
Set-Message 'ready' 'The demo answers.'
