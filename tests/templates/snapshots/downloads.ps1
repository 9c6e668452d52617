# How steps get their downloads, and restart the machine. Read by the engine once the second stage is there.

# Ends what downloads now, and starts the downloader; it goes on from what has arrived.
function Start-Downloads([int]$Skip = 0) {
    foreach ($name in 'powershell.exe', 'curl.exe', 'python.exe') {
        Get-CimInstance Win32_Process -Filter "Name='$name'" | Where-Object { $_.CommandLine -match 'fetch\.ps1|\.part"|guest\.download' } | ForEach-Object { Stop-Process -Id $_.ProcessId -Force -ErrorAction SilentlyContinue }
    }
    $script:Downloader = Start-Process -FilePath $Python -ArgumentList "-m guest.download $Root --skip $Skip" -NoNewWindow -PassThru -RedirectStandardOutput "$Logs\download.log" -RedirectStandardError "$Logs\download.err.log"
    $null = $Downloader.Handle
}

# Waits until the step's downloads are whole and checked: only then has a file its final name.
function Wait-Download([string]$Name) {
    $files = $Manifest.files | Where-Object { $_.step -eq $Name }
    while ($files | Where-Object { -not (Test-Path $_.path) }) {
        if (-not $Downloader -or $Downloader.HasExited) {
            $failed = (Read-Json "$State\downloads.json").files | Where-Object { $_.step -eq $Name -and $_.error } | Select-Object -First 1
            $first = -not $Downloader
            Start-Downloads
            if (-not $first) { throw "the download failed: $($failed.error) | Is the machine's way to the internet open, and room on the disk? See $Logs\download.err.log." }
        }
        Write-Status
        Start-Sleep -Seconds 2
    }
}

# At most two restarts a step, so that a driver which never comes up does not restart the machine for ever.
function Restart-Machine([string]$Name) {
    $count = 1 + [int](Read-Json "$State\restarts-$Name.json")
    if ($count -gt 2) { return }
    Save-Text "$State\restarts-$Name.json" "$count"
    Set-Message "The machine restarts to finish the step $Name."
    Restart-Computer -Force
    Start-Sleep -Seconds 600
}
