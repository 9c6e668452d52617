# NVIDIA's data-center driver. No hash of it is published: its signature decides, then whether nvidia-smi answers.
$Proves = $true
# After a start it takes up to a minute until the driver answers.
function Test-Driver {
    for ($try = 0; $try -lt 10; $try++) {
        $smi = "$env:SystemRoot\System32\nvidia-smi.exe", "$env:ProgramFiles\NVIDIA Corporation\NVSMI\nvidia-smi.exe" | Where-Object { Test-Path $_ } | Select-Object -First 1
        if (-not $smi) { return $false }
        if ((Invoke-Native $smi '--query-gpu=name,driver_version,driver_model.current --format=csv' 'gpu' 2) -eq 0) { return $true }
        Start-Sleep -Seconds 6
    }
    $false
}
# Which version was installed for: where it cannot be had, an older one stands in for it.
$Kept = "$State\driver"
function Test-Wanted { (Read-Text $Kept) -eq $Settings.driverVersion -or (Read-Text "$Logs\gpu.log") -match [regex]::Escape($Settings.driverVersion) }
$Done = { (Test-Driver) -and (Test-Wanted) }
$Do = {
    # After the restart, or from another image.
    if (& $Done) { return }
    if (-not (Get-CimInstance Win32_PnPEntity -Filter 'DeviceID LIKE "PCI\\VEN_10DE%"')) { throw (New-Trouble 'driver.no-card' 'Windows sees no NVIDIA card' 'Is instanceType a GPU machine with a whole card?') }
    Wait-Download 'driver'
    $path = (Find-Downloads 'driver').path
    $signature = Get-AuthenticodeSignature $path
    $signer = $signature.SignerCertificate
    if ($signature.Status -ne 'Valid' -or $signer.Subject -notmatch 'O="?NVIDIA Corporation' -or $signer.Subject -eq $signer.Issuer) {
        Remove-Item $path -Force
        $script:Skip++
        Start-Downloads
        throw (New-Trouble 'driver.signature' 'the driver''s signature is {0}' 'The next source is tried.' "$($signature.Status)")
    }
    # A trusted publisher's driver is installed without a question.
    $store = New-Object Security.Cryptography.X509Certificates.X509Store 'TrustedPublisher', 'LocalMachine'
    $store.Open('ReadWrite')
    $store.Add($signer)
    $store.Close()
    Stop-Users
    # 0: done. 1: done, restart needed. Others may mean the same, so nvidia-smi decides.
    $code = Invoke-Native $path "-s -n -noeula -log:$Logs\driver-setup -loglevel:6" 'driver' 20
    Save-Text $Kept $Settings.driverVersion
    if (-not (Test-Driver)) {
        Restart-Machine 'driver'
        # Once more from the start.
        Remove-Item $Kept -Force
        throw (New-Trouble 'driver.silent' 'nvidia-smi does not answer (the driver''s installer ended with {0})' 'Set another driverVersion.' $code)
    }
}
$Check = { if (-not (Test-Driver)) { throw (New-Trouble 'driver.silent' 'nvidia-smi does not answer' 'Set another driverVersion.') } }
