# Keeps the machine's own guard alive.
while ($true) {
    # Read anew each time: at this start of Windows a power cut may have left it empty, until the installation mends it.
    . "$PSScriptRoot\..\common.ps1"
    # Standard error must not end the script.
    $ErrorActionPreference = 'Continue'
    if ($Python) {
        Set-Location $Root
        & $Python -m guest.unattended.loop
    }
    Start-Sleep -Seconds 10
}
