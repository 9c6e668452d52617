# Keeps the demo's supervisor alive; the supervisor keeps the demo alive.
. "$PSScriptRoot\..\lib.ps1"
# Standard error must not end the script.
$ErrorActionPreference = 'Continue'
Set-Location $Root
while ($true) {
    & $Python -m guest.serving.supervisor
    Start-Sleep -Seconds 10
}
