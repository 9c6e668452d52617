# How steps get their downloads, end what is in their way, and restart the machine.

# How many sources of a file without a hash are passed over: their files turned out wrong.
$Skip = 0

# Ends what downloads now, and starts the downloader; it goes on from what has arrived.
function Start-Downloads {
    Stop-Matching 'fetch\.ps1|\.part"|guest\.download'
    Remove-Item "$State\downloads.json" -Force -ErrorAction SilentlyContinue
    $script:Downloader = Start-Process -FilePath $Python -ArgumentList "-m guest.download $Root --skip $Skip" -NoNewWindow -PassThru -RedirectStandardOutput "$Logs\download.log" -RedirectStandardError "$Logs\download.err.log"
    $null = $Downloader.Handle
}

function Find-Downloads([string]$Step) { $Manifest.files | Where-Object { $_.step -eq $Step } }

function Remove-Downloads([string]$Step) {
    foreach ($file in Find-Downloads $Step) { Remove-Item $file.path, "$($file.path).part" -Force -ErrorAction SilentlyContinue }
}

# Gives files back to the downloader: after a failure their hash decides anew, as the power may have gone before they
# were on the disk.
function Undo-Downloads([string]$Step) {
    foreach ($file in Find-Downloads $Step) {
        if ($file.sha256 -and (Test-Path $file.path)) { Move-Item $file.path "$($file.path).part" -Force -ErrorAction SilentlyContinue }
    }
}

# Waits until the step's downloads are whole and checked: only then has a file its final name. One that cannot be had
# is told at once, while others still come.
function Wait-Download([string]$Name) {
    $files = @(Find-Downloads $Name)
    $step = $Status.steps | Where-Object { $_.name -eq $Name }
    foreach ($file in $files) {
        $size = (Get-Item $file.path -ErrorAction SilentlyContinue).Length
        if ((Test-Path $file.path) -and (-not $size -or ($file.bytes -and $size -ne $file.bytes))) { Remove-Item $file.path -Force }
    }
    $starts = 0
    while ($files | Where-Object { -not (Test-Path $_.path) }) {
        $ended = -not $Downloader -or $Downloader.HasExited
        $told = (Read-Json "$State\downloads.json").files | Where-Object { $_.step -eq $Name }
        # Given back, while the downloader thinks that it is done with it.
        $back = $told | Where-Object { $_.state -eq 'done' -and $_.id -in @($files | Where-Object { -not (Test-Path $_.path) } | ForEach-Object { $_.id }) }
        $failed = $told | Where-Object { $_.state -eq 'failed' } | Select-Object -First 1
        if ($failed -and $starts) { throw (New-Trouble 'download.failed' 'the download failed: {0}' (Get-Said $failed 'hint') (Get-Said $failed 'error')) }
        # Ended without a word, or with what an earlier try was told.
        if ($failed -or $back -or $ended) {
            if ($starts -ge 3) { throw (New-Trouble 'download.ended' 'the downloader ends without a word: {0}' 'Is Python whole, and is there room on the disk?' (Read-Tail "$Logs\download.err.log" 1)) }
            Start-Downloads
        }
        $starts++
        $waits = $told | Where-Object { $_.state -eq 'waiting' -and $_.error } | Select-Object -First 1
        if ($waits) { Set-Message 'download.waits' $waits.error (Get-Said $waits 'error') }
        Write-Status
        Start-Sleep -Seconds 2
    }
}

# Before there is Python: resumes after each cut in a new run of curl, as its own retries would start again at the old
# offset, and asks the next source when one does not give it, or gives a wrong one.
function Save-File($File) {
    $options = Get-CurlOptions 'python'
    $part = "$($File.path).part"
    for ($try = 0; $try -lt 3 * $File.urls.Count; $try++) {
        if (-not (Test-Path $part) -and (Test-Path $File.path)) { Move-Item $File.path $part -Force }
        if ((Get-Sha256 $part) -eq $File.sha256) {
            Move-Item $part $File.path -Force
            return
        }
        $url = $File.urls[$try % $File.urls.Count]
        $code = Invoke-Native 'curl.exe' ($options + '"{0}" "{1}"' -f $part, $url) 'python' 120
        if ($code -eq 0 -and (Get-Sha256 $part) -eq $File.sha256) { continue }
        # Cut (18, 28, 56) is gone on with; a whole one is wrong, or the source cannot go on from here (22, 33, 36).
        if ($code -in 0, 22, 33, 36) { Remove-Item $part -Force -ErrorAction SilentlyContinue }
        Set-Message 'download.source' "$url gives no right file ($code)" $url, $code
        Start-Sleep -Seconds 3
    }
    throw (New-Trouble 'download.failed' 'the download failed: {0}' 'Is the machine''s way to the internet open? Other mirrors can be set.' $File.id)
}

function Stop-Demo {
    Stop-Task 'ChatGLM demo'
    Stop-Matching 'tasks\\demo\.ps1|guest\.serving'
}

function Stop-Watchers {
    Stop-Task 'ChatGLM watcher'
    Stop-Task 'ChatGLM guard'
    Stop-Matching 'tasks\\(watcher|guard)\.ps1|guest\.(watch|unattended)'
}

# Nothing can be replaced while a program uses it: the demo in the source's folder, any Python in the environment. The
# downloader goes on, unless its own Python is replaced.
function Stop-Users([switch]$All) {
    Stop-Demo
    Stop-Watchers
    $rest = if ($All) { '' } else { 'guest\.download' }
    $ours = Get-CimInstance Win32_Process | Where-Object { "$($_.ExecutablePath)" -like "$Venv\*" -or "$($_.ExecutablePath)" -like "$Conda\*" }
    Stop-Tree @($ours | Where-Object { -not $rest -or $_.CommandLine -notmatch $rest } | ForEach-Object { $_.ProcessId })
}

# At most two restarts a step, so that a driver which never comes up does not restart the machine for ever.
function Restart-Machine([string]$Name) {
    $count = 1 + [int](Read-Json "$State\restarts-$Name.json")
    if ($count -gt 2) { return }
    Save-Text "$State\restarts-$Name.json" "$count"
    Set-Message 'restart' "The machine restarts to finish the step $Name." $Name
    Restart-Computer -Force
    for ($wait = 0; $wait -lt 60; $wait++) {
        Write-Status
        Start-Sleep -Seconds 10
    }
}
